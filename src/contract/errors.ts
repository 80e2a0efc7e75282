import type { Owner } from "./owner.ts";

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
  override readonly name = "UnsupportedError";
}

/** The caller asked to wait for a lock that its own thread holds, so the wait could never end. */
export class DeadlockError extends Error {
  override readonly name = "DeadlockError";
}

/**
 * The last owner of a lock died holding it, and what the lock protects may be half-written. Thrown
 * where the lock was told to throw: nothing is held, and it is thrown again until somebody acquires
 * with `recover: true`.
 */
export class OwnerDiedError extends Error {
  override readonly name = "OwnerDiedError";
  /** Who died. */
  readonly owner: Owner | undefined;

  /** An error about the death of `owner`. */
  constructor(message: string, owner: Owner | undefined, options?: ErrorOptions) {
    super(message, options);
    this.owner = owner;
  }
}

/** A lock that was held is held no more, though nobody released it. */
export class LockLostError extends Error {
  override readonly name = "LockLostError";
}

/**
 * A file is not the shared memory it is opened as: truncated, foreign, newer or damaged. The
 * message says what was found. The file is left as it is.
 */
export class SegmentFormatError extends Error {
  override readonly name = "SegmentFormatError";
}

/** The error of a wait that ran out of time: a `DOMException` named `TimeoutError`. */
export function timeoutError(message: string): DOMException {
  return new DOMException(message, "TimeoutError");
}
