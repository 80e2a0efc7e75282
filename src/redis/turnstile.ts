import type { Patience } from "./patience.ts";

/** Lets the tasks of one object pass one by one, in the order they came. */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #taken = false;

  /** Waits for the turn, which lasts until {@linkcode leave}. */
  async enter(patience: Patience): Promise<void> {
    if (!this.#taken) {
      this.#taken = true;
      return;
    }
    let go = () => {};
    const turn = new Promise<void>((resolve) => go = resolve);
    this.#waiting.push(go);
    try {
      await patience.for(turn);
    } catch (error) {
      const at = this.#waiting.indexOf(go);
      if (at >= 0) this.#waiting.splice(at, 1);
      else this.leave(); // Its turn came with the end of its patience.
      throw error;
    }
  }

  /** Ends the turn. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }
}
