import type { Owner } from "./owner.ts";

/** What can happen to a lock; each is a channel `interlock:NAME` of `node:diagnostics_channel`. */
export type LockEventName = "wait" | "acquire" | "recovered" | "lost" | "release" | "deadlock";

/** What happened to a lock: the message of a channel. */
export interface LockEvent {
  /** The medium of the lock. */
  readonly medium: "memory" | "files" | "redis";
  /** The name of the lock, or the path of its file; `undefined` for one placed by an offset. */
  readonly name: string | undefined;
  /** In memory: the path of the segment; `undefined` for anonymous memory. */
  readonly segment?: string;
  /** In memory: the offset of the lock. */
  readonly offset?: number;
  /** Of `acquire`: for how many milliseconds it was waited for. */
  readonly waited?: number;
  /** Of `recovered`: the holder that died or lost its lease, if it is known. */
  readonly previousOwner?: Owner;
  /** Of `recovered`, of a channel: how many messages that death has lost, 0 or 1. */
  readonly lostMessages?: number;
  /** Of `lost`: why. Of `deadlock`: a `DeadlockError` that prints the cycle. */
  readonly error?: Error;
}

/**
 * What the locks call when something happens to them. `publish` is missing until a program imports
 * `@interlock/interlock/diagnostics`; a call by `?.` makes no event then.
 */
export const hooks: {
  publish?: (name: LockEventName, event: () => LockEvent) => void;
} = {};

/**
 * Tells that a wait begins.
 *
 * @returns What tells that the lock was acquired; `undefined` if nothing listens.
 */
export function tellWait(eventOf: () => LockEvent): (() => void) | undefined {
  const { publish } = hooks;
  if (publish === undefined) return undefined;
  const start = performance.now();
  publish("wait", eventOf);
  return () => publish("acquire", () => ({ ...eventOf(), waited: performance.now() - start }));
}

/** Calls `tell` when a wait has succeeded; the wait itself if there is nothing to tell. */
export function tellAfter<T>(wait: Promise<T>, tell: (() => void) | undefined): Promise<T> {
  if (tell === undefined) return wait;
  return wait.then((result) => {
    tell();
    return result;
  });
}
