import type { Guard } from "../../src/contract/mod.ts";

/**
 * Watches a lock without using it, by two detectors: a mark that names the agent inside, and a number
 * that is counted up by a read and a write. An agent that is killed leaves them as they are.
 */
export abstract class Detector {
  /** The number that is counted up by a read and a write. */
  abstract number: number;
  /** How often an agent has left, counted safely. */
  abstract readonly exitCount: number;
  protected abstract countExit(): void;
  /** Marks this agent as the one inside; false if another one was. */
  protected abstract mark(): boolean;
  /** Removes the mark; false if it is not this agent's. */
  protected abstract unmark(): boolean;
  /** Marks this agent as the one inside, whatever was there. */
  protected abstract replaceMark(): void;
  protected abstract report(violation: string): void;

  /** Enters, with the lock held. `recovered` says whether the last holder was killed. */
  enter(recovered: boolean): void {
    if (recovered) {
      // The last holder may have died at any point between `enter` and `leave`.
      this.replaceMark();
      this.number = this.exitCount;
      return;
    }
    if (!this.mark()) this.report("another agent is inside");
    if (this.number !== this.exitCount) {
      this.report(`an update was lost: ${this.number} of ${this.exitCount}`);
    }
  }

  /** Counts up and leaves, with the lock still held. */
  leave(): void {
    this.number += 1;
    this.countExit();
    if (!this.unmark()) this.report("another agent has entered");
  }

  /** Enters, leaves, and releases the guard. */
  visit(guard: Guard): void {
    this.enter(guard.recovered);
    this.leave();
    guard.release();
  }
}
