import type { HoldState } from "../contract/lock_guard.ts";

/** The guards of one hold: nearly always one, for which a set would be slow. */
export class Guards<G extends WeakKey> {
  #first: G | undefined;
  readonly #others = new Set<G>();
  /** Guards whose hold was given up to wait for another one. */
  readonly #waiting = new Set<G>();
  /** Guards whose hold the lock has ended, as the program knows; and the reason. */
  readonly #ended = new WeakMap<G, string>();

  get isEmpty(): boolean {
    return this.#first === undefined && this.#others.size === 0;
  }

  add(guard: G): void {
    if (this.#first === undefined) this.#first = guard;
    else this.#others.add(guard);
  }

  /** False if it was not in here. */
  delete(guard: G): boolean {
    if (this.#first !== guard) return this.#others.delete(guard);
    this.#first = undefined;
    return true;
  }

  /** Takes a guard out that waits for another hold; false if it does not wait. */
  deleteWaiting(guard: G): boolean {
    return this.#waiting.delete(guard);
  }

  /** Whether a guard waits for another hold. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** The state of the hold of a guard. */
  stateOf(guard: G): HoldState {
    if (this.#first === guard || this.#others.has(guard)) return "held";
    if (this.#waiting.has(guard)) return "waiting";
    return this.#ended.has(guard) ? "ended" : "lost";
  }

  /** Why a guard does not hold the lock. */
  whyNot(guard: G): string {
    if (this.#waiting.has(guard)) return "its upgrade waits for others that share the lock";
    return this.#ended.get(guard) ?? "it was released or lost before";
  }

  /** Ends the holds of all guards. */
  end(why: string): void {
    for (const guard of this.#clear()) this.#ended.set(guard, why);
  }

  /** Takes all guards out, until {@linkcode resume} gives them their hold back or ends it. */
  suspend(): readonly G[] {
    const all = this.#clear();
    for (const guard of all) this.#waiting.add(guard);
    return all;
  }

  /**
   * Ends {@linkcode suspend}: gives guards their hold back, or ends it.
   *
   * @returns The guards that were not released meanwhile.
   */
  resume(guards: readonly G[], held: boolean): readonly G[] {
    const waiting = guards.filter((guard) => this.#waiting.delete(guard));
    for (const guard of waiting) {
      if (held) this.add(guard);
      else this.#ended.set(guard, "its mode could not be changed");
    }
    return waiting;
  }

  #clear(): G[] {
    const all = [...this.#others];
    if (this.#first !== undefined) all.push(this.#first);
    this.#first = undefined;
    this.#others.clear();
    return all;
  }
}
