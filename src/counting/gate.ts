import type { Memory } from "../memory/memory.ts";
import { GATE } from "./layout.ts";

const ALL = 0x7fffffff;

/**
 * A gate and a barrier for the workers of a run: at the start they wait for the coordinator, at the
 * end of each phase for the last worker. They sleep in slices, so that they can be terminated.
 */
export class Gate {
  readonly #memory: Memory;
  readonly #workers: number;
  readonly #open: number;
  readonly #arrived: number;
  readonly #phase: number;

  /** Uses the gate at the start of the run's memory, or at an offset. */
  constructor(memory: Memory, workers: number, offset = 0) {
    this.#memory = memory;
    this.#workers = workers;
    this.#open = memory.place(offset + GATE.open, 4, 4);
    this.#arrived = memory.place(offset + GATE.arrived, 4, 4);
    this.#phase = memory.place(offset + GATE.phase, 4, 4);
  }

  /** Lets all workers start at once. */
  open(): void {
    this.#memory.atomic.store32(this.#open, 1);
    this.#memory.wake(this.#open, ALL);
  }

  /** Sleeps until the gate is open. */
  pass(): void {
    const { atomic } = this.#memory;
    while (atomic.load32(this.#open) === 0) this.#memory.wait(this.#open, 0);
  }

  /** Sleeps until all workers have called this. */
  meet(): void {
    const { atomic } = this.#memory;
    const phase = atomic.load32(this.#phase);
    if (atomic.add32(this.#arrived, 1) + 1 === this.#workers) {
      atomic.store32(this.#arrived, 0);
      atomic.add32(this.#phase, 1);
      this.#memory.wake(this.#phase, ALL);
      return;
    }
    while (atomic.load32(this.#phase) === phase) this.#memory.wait(this.#phase, phase);
  }
}
