import { onAbort } from "./abort.ts";
import { timeoutError } from "./errors.ts";
import { type AcquireOptions, checkAcquireOptions } from "./options.ts";

/** The longest time that a timer can be set to, in milliseconds. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The end of a wait, which may have several steps: a time, an abort, or both. */
export class Deadline {
  /** On the monotonic clock of `performance.now()`. */
  readonly #at: number;
  readonly #signal: AbortSignal | undefined;
  readonly #describe: () => string;

  /**
   * The deadline of a wait that begins now.
   *
   * @param describe The message if the time runs out: what was not acquired, and who holds it.
   * @param what What the options are for, such as "acquire a mutex".
   * @throws {TypeError} If the options, the timeout or the signal are of a wrong type.
   * @throws {RangeError} If the timeout is negative or NaN.
   * @throws The reason of the signal, if it is aborted.
   */
  constructor(options: AcquireOptions | undefined, describe: () => string, what?: string) {
    const { timeout = Infinity, signal } = checkAcquireOptions(options, what);
    this.#at = performance.now() + timeout;
    this.#signal = signal;
    this.#describe = describe;
    this.throwIfAborted();
  }

  /** The milliseconds that are left; negative if the deadline is past. */
  get left(): number {
    return this.#at - performance.now();
  }

  /** Whether nothing ends the wait: it has neither a timeout nor a signal. */
  get isEndless(): boolean {
    return this.#at === Infinity && this.#signal === undefined;
  }

  /** Whether there is no time left. */
  get isPast(): boolean {
    return this.#at !== Infinity && performance.now() >= this.#at;
  }

  /** Throws the reason of the signal, if the wait was aborted. */
  throwIfAborted(): void {
    this.#signal?.throwIfAborted();
  }

  /** Throws if the wait was aborted or there is no time left. */
  check(): void {
    this.throwIfAborted();
    if (this.isPast) throw this.timeout();
  }

  /** The error of a wait that ran out of time; if the holder cannot be described, that error. */
  timeout(): unknown {
    try {
      return timeoutError(this.#describe());
    } catch (error) {
      return error;
    }
  }

  /**
   * Calls one of the functions, later, when the wait is aborted or `more` milliseconds after there
   * is no time left. Call it before the waiter is registered anywhere, since a signal may refuse to
   * be watched.
   *
   * @returns A function that ends the watch, to be called at the end of the wait. It never throws.
   * @throws What the signal throws; its reason, if it was aborted meanwhile.
   */
  watch(abort: (reason: unknown) => void, onPast: () => void, more = 0): () => void {
    const end = this.#at + more;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // A timer may fire up to a millisecond early.
    const look = () => performance.now() < end ? arm() : onPast();
    const arm = () => {
      const left = Math.max(0, Math.ceil(end - performance.now()));
      timer = setTimeout(look, Math.min(left, LONGEST_TIMER_MS));
    };
    const stop = onAbort(this.#signal, abort);
    if (end !== Infinity) arm();
    return () => {
      clearTimeout(timer);
      stop();
    };
  }

  /**
   * Waits for a promise until the deadline, and `more` milliseconds. Rejects with a `TimeoutError`
   * or with the reason of the abort; the promise is then left to itself.
   */
  wait<T>(promise: Promise<T>, more = 0): Promise<T> {
    const signal = this.#signal;
    if (this.isEndless) return promise;
    return new Promise((resolve, reject) => {
      let stop = () => {};
      promise.finally(() => stop()).then(resolve, reject);
      if (signal?.aborted) return reject(signal.reason);
      if (this.left + more <= 0) return reject(this.timeout());
      const end = (error: unknown) => {
        stop();
        reject(error);
      };
      stop = this.watch(end, () => end(this.timeout()), more);
    });
  }
}
