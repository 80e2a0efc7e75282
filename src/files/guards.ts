import type { Guard } from "../contract/guard.ts";

/** The guards of one hold: nearly always a single one, for which a set would be costly. */
export class Guards {
  #first: Guard | undefined;
  readonly #others = new Set<Guard>();

  get isEmpty(): boolean {
    return this.#first === undefined && this.#others.size === 0;
  }

  add(guard: Guard): void {
    if (this.#first === undefined) this.#first = guard;
    else this.#others.add(guard);
  }

  /** False where it was not there. */
  delete(guard: Guard): boolean {
    if (this.#first !== guard) return this.#others.delete(guard);
    this.#first = undefined;
    return true;
  }

  /** Takes all of them out. */
  clear(): Guard[] {
    const all = [...this.#others];
    if (this.#first !== undefined) all.push(this.#first);
    this.#first = undefined;
    this.#others.clear();
    return all;
  }
}
