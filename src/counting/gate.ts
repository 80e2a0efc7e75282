import { type Memory, regionOf } from "../memory/memory.ts";
import type { Region } from "../memory/region.ts";
import { GATE } from "./layout.ts";

const ALL = 0x7fffffff;

/**
 * A gate and a barrier for the workers of a run: at the start they wait for the coordinator, at the
 * end of each phase for the last worker. They sleep in slices, so that they can be terminated.
 */
export class Gate {
  readonly #region: Region;
  readonly #workers: number;
  readonly #open: number;
  readonly #arrived: number;
  readonly #phase: number;
  readonly #announced: number;

  /** Uses the gate at the start of the run's memory, or at an offset. */
  constructor(memory: Memory, workers: number, offset = 0) {
    this.#region = regionOf(memory);
    this.#workers = workers;
    this.#open = this.#region.resolve(offset + GATE.open, 4, 4);
    this.#arrived = this.#region.resolve(offset + GATE.arrived, 4, 4);
    this.#phase = this.#region.resolve(offset + GATE.phase, 4, 4);
    this.#announced = this.#region.resolve(offset + GATE.announced, 4, 4);
  }

  /** Lets all workers start at once. */
  open(): void {
    this.#region.atomics.store32(this.#open, 1);
    this.#region.wake(this.#open, ALL);
  }

  /** Sleeps until the gate is open. */
  pass(): void {
    const { atomics } = this.#region;
    while (atomics.load32(this.#open) === 0) this.#region.wait(this.#open, 0);
  }

  /** Sleeps until all workers have called this. */
  meet(): void {
    const { atomics } = this.#region;
    const phase = atomics.load32(this.#phase);
    if (atomics.add32(this.#arrived, 1) + 1 === this.#workers) {
      atomics.store32(this.#arrived, 0);
      atomics.add32(this.#phase, 1);
      this.#region.wake(this.#phase, ALL);
      return;
    }
    while (atomics.load32(this.#phase) === phase) this.#region.wait(this.#phase, phase);
  }

  /** Tells a 32-bit integer to the workers, which read it after the next {@linkcode meet}. */
  announce(number: number): void {
    this.#region.atomics.store32(this.#announced, number);
  }

  /** The integer that was announced last. */
  get announced(): number {
    return this.#region.atomics.load32(this.#announced);
  }
}
