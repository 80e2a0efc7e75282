import { onAbort } from "./abort.ts";
import { LONGEST_TIMER_MS } from "./deadline.ts";
import { LockLostError } from "./errors.ts";
import { type AcquireOptions, checkAcquireOptions, nameOf } from "./options.ts";
import type { Owner } from "./owner.ts";
import {
  asyncDispose,
  type PlatformAbortSignal,
  type PlatformAsyncDisposable,
} from "./platform.ts";
import { refuseGenerator } from "./refuse_thenable.ts";
import { checkBody, checkLock } from "./with_lock.ts";

const TASK = "elect a leader";
/** After how many failures in a row the pause does not grow any more. */
const DOUBLINGS = 5;

/** A term as the leader: from the election until the work has settled, or the lock is lost. */
export interface Leadership<Token extends number | undefined = number | undefined> {
  /**
   * Aborts when the term ends: when `work` has settled, with the reason of the `signal` of
   * {@linkcode elect}, or with a `LockLostError` when the lock is lost. That is before another
   * process can be elected, unless this one is stopped: it learns of the loss when it goes on.
   */
  readonly signal: PlatformAbortSignal;
  /**
   * A fencing token, greater than that of every earlier term. A resource that is given the token
   * with each write can reject a leader of an earlier term.
   */
  readonly token: Token;
  /** Whether the last leader died, or its lease ran out: its work may be half-done. */
  readonly recovered: boolean;
  /** The last leader, if {@linkcode Leadership.recovered} and it is known. */
  readonly previousOwner: Owner | undefined;
}

/** Options for {@linkcode elect}. */
export interface ElectOptions {
  /** Ends the term, and with it the candidacy. */
  signal?: PlatformAbortSignal;
  /**
   * How long this process waits after a term before it is a candidate again, in milliseconds, so
   * that others can be elected: this time and up to half of it, at random. It is doubled with each
   * failure in a row, up to 32-fold.
   *
   * @default {1000}
   */
  pause?: number;
  /**
   * Called with an error of the lock or of `work`. If it returns, this process is a candidate again
   * after the pause; if it throws or rejects, {@linkcode elect} rejects. Without it, each error
   * rejects.
   */
  onError?: (error: unknown) => void | Promise<void>;
}

/** The part of a lock that {@linkcode elect} uses. Each lock has it. */
export interface Electable<Token extends number | undefined = number | undefined> {
  /** Waits for the lock without blocking the thread. */
  acquire(options?: AcquireOptions): Promise<
    & Omit<Leadership<Token>, "signal">
    & { readonly signal?: PlatformAbortSignal; readonly shared?: boolean }
    & PlatformAsyncDisposable
  >;
}

/**
 * Elects a leader among all processes that call this with the same lock: its holder. Each time that
 * this process is elected, it runs `work`. When `work` has settled, it releases the lock, so that
 * another process can be elected, and is a candidate again after a pause, until `options.signal`
 * aborts.
 *
 * A process that is killed loses the lock, and another one can be elected. On a server, a leader
 * that is stopped or cut off for longer than its lease loses it, too, and
 * {@linkcode Leadership.signal} aborts by the clock of this machine. `work` must end then: this
 * process is not a candidate again before. A leader that was stopped can still be in the middle of a
 * write, so what it writes to must check {@linkcode Leadership.token}. `lock.owner()` returns the
 * leader.
 *
 * @example
 * ```ts
 * import { elect, FileLock } from "@interlock/interlock";
 *
 * using lock = new FileLock("/tmp/leader.lock");
 * const stop = new AbortController();
 * await elect(lock, ({ signal, token }) => {
 *   console.log(token, signal.aborted); // Only one process at a time is here.
 *   stop.abort(); // Else it would be a candidate again.
 * }, { signal: stop.signal });
 * ```
 *
 * @param lock Any lock: a mutex, a file lock, a lock on one server or on several.
 * @param work A function, async or not, for the time as the leader. To resign, it returns. What it
 * throws because the signal of the term has aborted (the reason, an error caused by it, or an
 * `AbortError`) is no error.
 * @returns A promise that resolves when `options.signal` has aborted, `work` has settled and the
 * lock is released.
 * @throws What `acquire` throws, what `work` throws, and what the release throws, unless
 * `options.onError` handles it. The loss of the lock is no error, since the signal reports it.
 * @throws {TypeError} If an argument is of a wrong type, or the lock was acquired shared.
 * @throws {RangeError} If the pause is negative or NaN.
 */
export async function elect<Token extends number | undefined>(
  lock: Electable<Token>,
  work: (leadership: Leadership<Token>) => unknown,
  options: ElectOptions = {},
): Promise<void> {
  checkLock(lock, TASK);
  checkBody(work, TASK);
  const { signal } = checkAcquireOptions(options, TASK);
  const { pause = 1000, onError } = options;
  checkPause(pause);
  if (onError !== undefined && typeof onError !== "function") {
    throw new TypeError(`Cannot ${TASK}: onError must be a function, not ${nameOf(onError)}`);
  }
  let failures = 0;
  while (!signal?.aborted) {
    try {
      await lead(lock, work, signal);
      failures = 0;
    } catch (error) {
      if (onError === undefined) throw error;
      await onError(error);
      failures++;
    }
    const doublings = Math.min(Math.max(0, failures - 1), DOUBLINGS);
    if (!signal?.aborted) await sleep(pause * 2 ** doublings * (1 + Math.random() / 2), signal);
  }
}

function checkPause(pause: unknown): void {
  if (typeof pause !== "number") {
    throw new TypeError(
      `Cannot ${TASK}: pause must be a number of milliseconds, not ${nameOf(pause)}`,
    );
  }
  if (!(pause >= 0)) {
    throw new RangeError(`Cannot ${TASK}: pause must be 0 or more milliseconds (given ${pause})`);
  }
}

/** Waits for one term, and serves it. */
async function lead<Token extends number | undefined>(
  lock: Electable<Token>,
  work: (leadership: Leadership<Token>) => unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  const guard = await lock.acquire({ signal }).catch((error) => {
    if (!signal?.aborted || !isCausedBy(error, signal.reason)) throw error;
  });
  if (guard === undefined) return;
  const ending = new AbortController();
  const stops: (() => void)[] = [];
  await using _release = {
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop();
      const isLost = guard.signal?.aborted;
      // Before the release: what the work has left behind ends while the lock is held.
      ending.abort(new DOMException("The term as the leader is over", "AbortError"));
      try {
        await guard[asyncDispose]();
      } catch (error) {
        if (!isLost || !(error instanceof LockLostError)) throw error;
      }
    },
  };
  if (guard.shared) {
    throw new TypeError(`Cannot ${TASK}: the lock is shared, so several processes would lead`);
  }
  for (const each of [signal, guard.signal]) {
    if (each?.aborted) return;
    stops.push(onAbort(each, (reason) => ending.abort(reason)));
  }
  const { token, recovered, previousOwner } = guard;
  try {
    refuseGenerator(await work({ signal: ending.signal, token, recovered, previousOwner }), TASK);
  } catch (error) {
    if (!ending.signal.aborted || !isCausedBy(error, ending.signal.reason)) throw error;
  }
}

/** Whether an error is the reason of an abort, or says that something was aborted for it. */
function isCausedBy(error: unknown, reason: unknown): boolean {
  for (let each = error, depth = 0; depth < 10; depth++) {
    if (each === reason) return true;
    if (!(each instanceof Error)) return false;
    if (each.name === "AbortError") return true;
    each = each.cause;
  }
  return false;
}

/** Waits for that many milliseconds, or until the signal is aborted. */
async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = onAbort(signal, () => resolve());
  const timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}
