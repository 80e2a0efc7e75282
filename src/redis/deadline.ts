import { timeoutError } from "../contract/errors.ts";
import { type AcquireOptions, checkAcquireOptions, deadlineOf } from "../contract/options.ts";
import { describeOwner } from "../contract/owner.ts";
import { LONGEST_TIMER_MS } from "./client/sleeper.ts";
import type { Refusal } from "./lease/attempt.ts";
import { ownerIn, SHARED } from "./lease/holder_value.ts";

/** The end of a wait of several steps: a time, an abort, or both. */
export class Deadline {
  /** The last answer of the server, for the message. */
  refusal: Refusal | undefined;
  readonly #what: string;
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;

  /**
   * The deadline of a wait for the thing that `what` names in messages.
   *
   * @throws {TypeError} If the options, the timeout or the signal is of a wrong type.
   * @throws {RangeError} If the timeout is negative or NaN.
   * @throws The reason of the signal, if it is aborted.
   */
  constructor(what: string, options: AcquireOptions | undefined) {
    checkAcquireOptions(options, `acquire ${what}`);
    this.#what = what;
    this.#end = deadlineOf(options);
    this.#signal = options?.signal;
    this.#signal?.throwIfAborted();
  }

  /** Whether there is no time left. */
  get isOver(): boolean {
    return this.#end !== Infinity && performance.now() >= this.#end;
  }

  /** The error of a wait that ran out of time. */
  timeout(): Error {
    const { holder, why } = this.refusal ?? {};
    const contender = holder === undefined || holder === SHARED
      ? "others share it or wait for it"
      : `${describeOwner(ownerIn(holder))} holds it`;
    return timeoutError(`Cannot acquire ${this.#what} in time: ${why ?? contender}`);
  }

  /**
   * Waits for a promise until the deadline, and `more` milliseconds. Rejects with a `TimeoutError`
   * or with the reason of the abort; the promise is then left to itself.
   */
  wait<T>(promise: Promise<T>, more = 0): Promise<T> {
    if (this.#end === Infinity && this.#signal === undefined) return promise;
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const signal = this.#signal;
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      };
      const abort = () => {
        settle();
        reject(signal!.reason);
      };
      const watch = () => {
        const left = this.#end + more - performance.now();
        if (left > 0) timer = setTimeout(watch, Math.min(Math.ceil(left), LONGEST_TIMER_MS));
        else {
          settle();
          reject(this.timeout());
        }
      };
      promise.finally(settle).then(resolve, reject);
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort);
      if (this.#end !== Infinity) watch();
    });
  }
}
