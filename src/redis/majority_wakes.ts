import { collectVotes, countVotes, errorsOf } from "./votes.ts";
import type { Wakes, Word } from "./wakes.ts";

/** The messages of several servers that wake the waiters of one client. */
export class MajorityWakes {
  readonly #all: readonly Wakes[];
  readonly #quorum: number;

  /** The messages of each server, of which so many are enough. */
  constructor(all: readonly Wakes[], quorum: number) {
    this.#all = all;
    this.#quorum = quorum;
  }

  /**
   * Resolves when `listener` is sure to be told what enough of the servers publish from now on, or
   * one of them, if the others do not answer: who waits looks by itself as well.
   */
  async add(waiter: string, listener: (word: Word) => void): Promise<void> {
    const answers = this.#all.map((wakes) => wakes.add(waiter, listener).then(() => true));
    const votes = await collectVotes(answers, (votes) => {
      return countVotes(votes, Boolean) >= this.#quorum;
    });
    if (countVotes(votes, Boolean) > 0) return;
    this.remove(waiter);
    throw errorsOf(votes)[0].error;
  }

  /** The waiter waits no more. */
  remove(waiter: string): void {
    for (const wakes of this.#all) wakes.remove(waiter);
  }

  /** Ends the subscriptions. */
  end(): void {
    for (const wakes of this.#all) wakes.end();
  }
}
