/**
 * The machine, the runtime or its permissions lack what a call needs. The message says what is
 * missing, what to do about it and what works without it.
 *
 * @example
 * ```ts
 * import { Memory, UnsupportedError } from "@interlock/interlock";
 *
 * function shared(path: string): Memory {
 *   try {
 *     return Memory.map(path, 65536);
 *   } catch (error) {
 *     if (error instanceof UnsupportedError) return Memory.anonymous(65536);
 *     throw error;
 *   }
 * }
 * ```
 */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
}

/**
 * The caller asked to wait for a lock that it holds itself, so the wait could never end.
 */
export class DeadlockError extends Error {
  override readonly name = "DeadlockError";
}

/** The error of a wait that ran out of time: a `DOMException` named `TimeoutError`. */
export function timeoutError(message: string): DOMException {
  return new DOMException(message, "TimeoutError");
}
