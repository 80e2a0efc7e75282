/**
 * Publishes what happens to locks on the channels `interlock:wait`, `interlock:acquire`,
 * `interlock:recovered`, `interlock:lost`, `interlock:release` and `interlock:deadlock` of
 * `node:diagnostics_channel`, whose messages are {@linkcode LockEvent}s. Import this module in each
 * thread that listens. Without it, the locks publish nothing, and load nothing.
 *
 * The locks in memory and the lock files do not publish an acquisition without a wait. A writer of an
 * `RwLock` can wait twice: for the writer before, then for the readers. A `Latch`, a `Flag`, a
 * `Barrier`, a wait for a `Condition` and the locks of `segment.locks` publish nothing. A `Channel` publishes only `interlock:recovered`, with `lostMessages`. Segments with
 * `detectDeadlocks` publish `interlock:deadlock`, for all of their locks.
 *
 * @example
 * ```ts
 * import { subscribe } from "node:diagnostics_channel";
 * import type { LockEvent } from "@interlock/interlock/diagnostics";
 * import "@interlock/interlock/diagnostics";
 *
 * subscribe("interlock:acquire", (message) => {
 *   const { name, waited = 0 } = message as LockEvent;
 *   console.log(`${name}: acquired after ${waited.toFixed(1)} ms`);
 * });
 * ```
 *
 * @module
 */
import { channel } from "node:diagnostics_channel";
import { hooks, type LockEvent, type LockEventName } from "./contract/lock_events.ts";

export type { LockEvent, LockEventName };

const NAMES: readonly LockEventName[] = [
  "wait",
  "acquire",
  "recovered",
  "lost",
  "release",
  "deadlock",
];
const channels = new Map(NAMES.map((name) => [name, channel(`interlock:${name}`)]));

/** The names of all channels. */
export const CHANNELS: readonly string[] = NAMES.map((name) => `interlock:${name}`);

hooks.publish = (name, event) => {
  const to = channels.get(name)!;
  if (!to.hasSubscribers) return;
  try {
    to.publish(event());
  } catch (error) {
    // A listener must not change what happens to the lock.
    queueMicrotask(() => {
      throw error;
    });
  }
};
