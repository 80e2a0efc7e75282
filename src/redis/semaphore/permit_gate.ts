import type { LeaseDeadline } from "../lease/lease_deadline.ts";

/** How many tasks of one object ask a server at the same time, at most. */
const MOST_ASKING = 128;

/** A task that waits at the gate. */
interface Waiting {
  readonly wanted: number;
  enter(): void;
}

/**
 * Lets the tasks of one object ask for permits in the order they came: at the same time, but for no
 * more permits than there are, since the others would only wait.
 */
export class PermitGate {
  readonly #permits: number;
  readonly #waiting = new Set<Waiting>();
  /** How many tasks ask, and for how many permits. */
  #tasks = 0;
  #asked = 0;

  /** A gate for a semaphore with so many permits. */
  constructor(permits: number) {
    this.#permits = permits;
  }

  /** Whether several tasks ask. */
  get isShared(): boolean {
    return this.#tasks > 1;
  }

  /** Runs a task that asks for `wanted` permits in its turn, which it waits for until the deadline. */
  async run<T>(wanted: number, deadline: LeaseDeadline, task: () => Promise<T>): Promise<T> {
    if (this.#waiting.size > 0 || !this.#fits(wanted)) await this.#wait(wanted, deadline);
    else this.#enter(wanted);
    try {
      return await task();
    } finally {
      this.#leave(wanted);
    }
  }

  #fits(wanted: number): boolean {
    return this.#tasks < MOST_ASKING && this.#asked + wanted <= this.#permits;
  }

  #enter(wanted: number): void {
    this.#tasks++;
    this.#asked += wanted;
  }

  #leave(wanted: number): void {
    this.#tasks--;
    this.#asked -= wanted;
    this.#admit();
  }

  #admit(): void {
    for (const first of this.#waiting) {
      if (!this.#fits(first.wanted)) return;
      this.#waiting.delete(first);
      this.#enter(first.wanted);
      first.enter();
    }
  }

  async #wait(wanted: number, deadline: LeaseDeadline): Promise<void> {
    let enter = () => {};
    const turn = new Promise<void>((resolve) => enter = resolve);
    const waiting: Waiting = { wanted, enter };
    this.#waiting.add(waiting);
    try {
      await deadline.wait(turn);
    } catch (error) {
      // The turn may have come at the same time as the deadline.
      if (this.#waiting.delete(waiting)) this.#admit();
      else this.#leave(wanted);
      throw error;
    }
  }
}
