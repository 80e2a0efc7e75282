import { timeoutError } from "../contract/errors.ts";
import { type AcquireOptions, deadlineOf } from "../contract/options.ts";
import { describeOwner } from "../contract/owner.ts";
import { SHARED } from "./lock_scripts.ts";
import { type Attempt, ownerIn } from "./server_lock.ts";

/** The longest time that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

type Refusal = Extract<Attempt, { granted: false }>;

/** How long somebody waits: until a deadline or an abort, over several steps. */
export class Patience {
  /** What the server said last, for the message. */
  refusal: Refusal | undefined;
  readonly #what: string;
  readonly #deadline: number;
  readonly #signal: AbortSignal | undefined;

  /**
   * The patience of who waits for something, which `what` names in messages.
   *
   * @throws {TypeError} If the timeout is not a number.
   * @throws {RangeError} If the timeout is negative or NaN.
   * @throws The reason of the signal, if it is aborted.
   */
  constructor(what: string, options: AcquireOptions | undefined) {
    this.#what = what;
    this.#deadline = deadlineOf(options);
    this.#signal = options?.signal;
    this.#signal?.throwIfAborted();
  }

  /** Whether there is no time left. */
  get isOver(): boolean {
    return this.#deadline !== Infinity && performance.now() >= this.#deadline;
  }

  /** The error of a wait that ran out of time. */
  timeout(): DOMException {
    const { holder, why } = this.refusal ?? {};
    const who = holder === undefined || holder === SHARED
      ? "others share it or wait for it"
      : `${describeOwner(ownerIn(holder))} holds it`;
    return timeoutError(`Cannot take ${this.#what} in time: ${why ?? who}`);
  }

  /**
   * Waits for a promise for as long as the patience lasts, and `more` milliseconds. Rejects with a
   * `TimeoutError` or with the reason of the abort; the promise is then left to itself.
   */
  for<T>(promise: Promise<T>, more = 0): Promise<T> {
    if (this.#deadline === Infinity && this.#signal === undefined) return promise;
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
        const left = this.#deadline + more - performance.now();
        if (left > 0) timer = setTimeout(watch, Math.min(Math.ceil(left), LONGEST_MS));
        else {
          settle();
          reject(this.timeout());
        }
      };
      promise.finally(settle).then(resolve, reject);
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort);
      if (this.#deadline !== Infinity) watch();
    });
  }
}

/** A sleep that somebody else may end early, also before it begins. */
export class Alarm {
  #rung = false;
  #ring: (() => void) | undefined;

  /** Ends the sleep, or the next one. */
  ring(): void {
    this.#rung = true;
    this.#ring?.();
  }

  /** Sleeps for so long, unless it rings; `shorten` may be called meanwhile. */
  sleep(ms: number): Promise<void> & { shorten(ms: number): void } {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ends = performance.now() + ms;
    let done = () => {};
    const promise = new Promise<void>((resolve) => {
      done = () => {
        clearTimeout(timer);
        this.#ring = undefined;
        this.#rung = false;
        resolve();
      };
    });
    const set = () => {
      clearTimeout(timer);
      timer = setTimeout(
        done,
        Math.min(Math.max(0, Math.ceil(ends - performance.now())), LONGEST_MS),
      );
    };
    this.#ring = done;
    if (this.#rung) done();
    else set();
    return Object.assign(promise, {
      shorten: (ms: number) => {
        if (performance.now() + ms >= ends) return;
        ends = performance.now() + ms;
        set();
      },
    });
  }
}
