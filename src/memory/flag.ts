import type { Memory } from "./memory.ts";

/** One shared byte that says whether something has happened. Looking costs one atomic load. */
export class Flag {
  /** Bytes to set aside for one, so that neighbours do not slow it down. */
  static readonly BYTES = 128;

  readonly #memory: Memory;
  readonly #at: number;

  /**
   * The flag at `offset`.
   *
   * @throws {RangeError} If `offset` is outside of the memory.
   */
  constructor(memory: Memory, offset: number) {
    this.#at = memory.place(offset, 1, 1);
    this.#memory = memory;
  }

  /** Whether it is set. */
  get isSet(): boolean {
    return this.#memory.atomic.load8(this.#at) !== 0;
  }

  /** Sets it. */
  set(): void {
    this.#memory.atomic.store8(this.#at, 1);
  }

  /** Clears it. */
  clear(): void {
    this.#memory.atomic.store8(this.#at, 0);
  }
}
