import type { Owner } from "./owner.ts";
import type { PlatformDOMException } from "./platform.ts";

/**
 * The machine, the runtime or its permissions lack what a call needs. The message says what is
 * missing, what to do about it and what works without it.
 *
 * @example
 * ```ts
 * import { Segment, UnsupportedError } from "@interlock/interlock";
 *
 * function shared(name: string): Segment {
 *   try {
 *     return Segment.open(name, { size: 65536 });
 *   } catch (error) {
 *     if (error instanceof UnsupportedError) return Segment.anonymous(65536);
 *     throw error;
 *   }
 * }
 * ```
 */
export class UnsupportedError extends Error {
  /** `UnsupportedError`. */
  override readonly name = "UnsupportedError";
}

/**
 * The caller waits for a lock that its own thread holds, so the wait could never end. Or, in a segment
 * with `detectDeadlocks`, threads wait for each other in a cycle, which the message prints.
 */
export class DeadlockError extends Error {
  /** `DeadlockError`. */
  override readonly name = "DeadlockError";
  /** The threads of the cycle, this one first; empty if this thread waits for itself. */
  readonly owners: readonly Owner[];

  /** An error, about the cycle of `options.owners` if there is one. */
  constructor(message: string, options?: ErrorOptions & { owners?: readonly Owner[] }) {
    super(message, options);
    this.owners = options?.owners ?? [];
  }
}

/**
 * The last owner of a lock died holding it, and what the lock protects may be half-written. Thrown
 * by locks with `onOwnerDied: "throw"`: nothing is held, and each acquire throws it until one is
 * called with `recover: true`.
 */
export class OwnerDiedError extends Error {
  /** `OwnerDiedError`. */
  override readonly name = "OwnerDiedError";
  /** The owner that died, if it is known. */
  readonly owner: Owner | undefined;

  /** An error about the death of `owner`. */
  constructor(message: string, owner: Owner | undefined, options?: ErrorOptions) {
    super(message, options);
    this.owner = owner;
  }
}

/** A lock that was held is no longer held, though its holder has not released it. */
export class LockLostError extends Error {
  /** `LockLostError`. */
  override readonly name = "LockLostError";
}

/** A barrier is broken: one of its parties died, gave up or aborted it, so not all can arrive. */
export class BrokenBarrierError extends Error {
  /** `BrokenBarrierError`. */
  override readonly name = "BrokenBarrierError";
}

/** A message cannot be sent, since the channel is closed: no receiver would get it. */
export class ChannelClosedError extends Error {
  /** `ChannelClosedError`. */
  override readonly name = "ChannelClosedError";
}

/**
 * A segment that this program has open was removed or replaced, so programs that open it now do not
 * share it. Thrown on request, by segments with `checkStale: true`.
 */
export class StaleSegmentError extends Error {
  /** `StaleSegmentError`. */
  override readonly name = "StaleSegmentError";
}

/**
 * A file is not the shared memory that it is opened as: truncated, foreign, newer or damaged. The
 * message says what was found. The file is unchanged.
 */
export class SegmentFormatError extends Error {
  /** `SegmentFormatError`. */
  override readonly name = "SegmentFormatError";
}

/** The error of a wait that timed out: a `DOMException` named `TimeoutError`. */
export function timeoutError(message: string): PlatformDOMException {
  return new DOMException(message, "TimeoutError");
}

/** Whether an error is that of a wait that timed out. */
export function isTimeoutError(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}
