import type { LeaseDeadline } from "./lease_deadline.ts";

/** Lets the tasks of one object pass one by one, in the order they came. */
export class TaskQueue {
  readonly #waiting: (() => void)[] = [];
  #isTaken = false;

  /** Runs `task` in its turn, which it waits for until the deadline. */
  async run<T>(deadline: LeaseDeadline, task: () => Promise<T>): Promise<T> {
    if (this.#isTaken) await this.#enter(deadline);
    this.#isTaken = true;
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  /** Waits for the turn, which another task has. */
  async #enter(deadline: LeaseDeadline): Promise<void> {
    let go = () => {};
    const turn = new Promise<void>((resolve) => go = resolve);
    this.#waiting.push(go);
    try {
      await deadline.wait(turn);
    } catch (error) {
      const at = this.#waiting.indexOf(go);
      if (at >= 0) this.#waiting.splice(at, 1);
      else this.#leave(); // The turn came at the same time as the deadline.
      throw error;
    }
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isTaken = false;
    else next();
  }
}
