import { LONGEST_TIMER_MS } from "../../contract/deadline.ts";

/** A task that sleeps between its questions to a server, and can be woken early. */
export class Sleeper {
  /** Whether it was woken while it did not sleep: the next sleep ends at once. */
  #isWoken = false;
  #end: (() => void) | undefined;
  #endAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Ends the sleep; if it does not sleep, the next one. */
  wake(): void {
    this.#isWoken = true;
    this.#end?.();
  }

  /** Ends the sleep in `ms` milliseconds, if it would last for longer. */
  wakeWithin(ms: number): void {
    if (this.#end === undefined || performance.now() + ms >= this.#endAt) return;
    this.#setTimer(ms);
  }

  /** Sleeps for `ms` milliseconds, or until it is woken. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#end = () => {
        clearTimeout(this.#timer);
        this.#end = undefined;
        this.#isWoken = false;
        resolve();
      };
      if (this.#isWoken) this.#end();
      else this.#setTimer(ms);
    });
  }

  #setTimer(ms: number): void {
    this.#endAt = performance.now() + ms;
    clearTimeout(this.#timer);
    const wait = Math.min(Math.max(0, Math.ceil(ms)), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.#end?.(), wait);
  }
}
