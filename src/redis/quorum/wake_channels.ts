import type { WakeChannel, Word } from "../lease/wake_channel.ts";
import { collectReplies, countReplies, errorsOf } from "./server_replies.ts";

/** The wake channels of one client at several servers. */
export class WakeChannels {
  readonly #all: readonly WakeChannel[];
  readonly #quorum: number;

  /** The channels at each server, of which `quorum` are enough. */
  constructor(all: readonly WakeChannel[], quorum: number) {
    this.#all = all;
    this.#quorum = quorum;
  }

  /**
   * Resolves when `listener` surely hears what a quorum of the servers publish from now on, or one
   * of them if the others do not answer: a waiter also asks by itself.
   */
  async add(waiter: string, listener: (word: Word) => void): Promise<void> {
    const answers = this.#all.map((channel) => channel.add(waiter, listener).then(() => true));
    const replies = await collectReplies(answers, (replies) => {
      return countReplies(replies, Boolean) >= this.#quorum;
    });
    if (countReplies(replies, Boolean) > 0) return;
    this.remove(waiter);
    throw errorsOf(replies)[0].error;
  }

  /** The waiter does not wait any more. */
  remove(waiter: string): void {
    for (const channel of this.#all) channel.remove(waiter);
  }

  /** Ends the subscriptions. */
  end(): void {
    for (const channel of this.#all) channel.end();
  }
}
