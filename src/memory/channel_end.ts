import type { Attachment } from "./attachment.ts";
import { CHANNEL_END } from "./layout.ts";
import { tellMutex } from "./mutex_events.ts";
import type { Region } from "./region.ts";
import { WAITERS, WaitWord } from "./wait_word.ts";

/** In the position of the senders: the channel is closed. */
export const CLOSED = 0x40000000;
/** Looks at a turn that another thread has: it lasts for as long as a copy of one message. */
const SPINS = 20;

/**
 * An end of a channel, at which threads send or receive, one at a time.
 *
 * | turn        | meaning                     | leaves by                                           |
 * | ----------- | --------------------------- | --------------------------------------------------- |
 * | `0`         | no thread is about it       | compare-and-swap to `me`                            |
 * | `owner`     | sends or receives a message | owner: to `0`, then signals its own end, if needed  |
 * | any `owner` | of an owner that is dead    | another thread: swaps it for `me`, settles the mark |
 *
 * | mark and position | senders                          | receivers                               |
 * | ----------------- | -------------------------------- | --------------------------------------- |
 * | equal             | no message is being written      | none is taken                           |
 * | different         | the next message is half-written | the last one is taken, and not returned |
 *
 * A sender moves the mark, writes, and moves the position; a receiver reads, moves the position, and
 * then the mark. So if an owner died between the two, one message is lost. The thread that finds it
 * counts that and moves the mark to the position. If that thread dies in turn between the two, the
 * same message is counted twice.
 */
export class ChannelEnd {
  readonly word: WaitWord;
  readonly position: number;
  readonly mark: number;
  readonly seen: number;
  readonly #attachment: Attachment;
  readonly #region: Region;
  readonly #me: number;
  readonly #channel: number;
  readonly #at: number;
  readonly #wordAt: number;
  /** Whether another thread of this end could go on. */
  readonly #isLeft: () => boolean;

  /** The end at `at` of the channel at `channel`, whose waiters are at `word`. */
  constructor(
    attachment: Attachment,
    channel: number,
    at: number,
    word: number,
    isLeft: () => boolean,
  ) {
    this.#attachment = attachment;
    this.#region = attachment.region;
    this.#me = attachment.identity;
    this.#channel = channel;
    this.#at = at;
    this.position = at + CHANNEL_END.position;
    this.mark = at + CHANNEL_END.mark;
    this.seen = at + CHANNEL_END.seen;
    this.#wordAt = word;
    this.word = new WaitWord(attachment, word);
    this.#isLeft = isLeft;
  }

  /** How many messages were lost here. */
  get lost(): number {
    return this.#region.atomics.load32(this.#at + CHANNEL_END.lost) >>> 0;
  }

  /** The thread that has the turn; 0 if none has. */
  get owner(): number {
    return this.#region.atomics.load32(this.#at);
  }

  /**
   * Takes the turn; false if another thread has it.
   *
   * @param patient Whether to check now that this thread lives; else only if it was not for long.
   */
  enter(patient: boolean): boolean {
    return this.#region.atomics.tryLock(this.#at, this.#me, SPINS) !== 0 ||
      this.#takeOver(patient);
  }

  /** Gives the turn up. */
  leave(): void {
    const { atomics } = this.#region;
    atomics.compareExchange32(this.#at, this.#me, 0);
    // One that could not enter waits here, unless what it waits for is signalled anyway.
    if ((atomics.load32(this.#wordAt) & WAITERS) !== 0 && this.#isLeft()) this.word.signal();
  }

  /** Wakes a waiter, after the other end has changed something for it. */
  signal(): void {
    // Here as well, which is faster than a call.
    if ((this.#region.atomics.load32(this.#wordAt) & WAITERS) !== 0) this.word.signal();
  }

  #takeOver(patient: boolean): boolean {
    const { atomics } = this.#region;
    const { threads } = this.#attachment;
    const owner = this.owner;
    if (owner === 0 || owner === this.#me || !(patient || threads.isDue(owner))) return false;
    if (!threads.isFoundGone(owner)) return false;
    if (atomics.compareExchange32(this.#at, owner, this.#me) !== owner) return false;
    const position = atomics.load32(this.position) & ~CLOSED;
    const lostMessages = atomics.load32(this.mark) === position ? 0 : 1;
    if (lostMessages > 0) {
      atomics.add32(this.#at + CHANNEL_END.lost, 1);
      atomics.store32(this.mark, position);
    }
    const previousOwner = threads.describe(owner);
    tellMutex("recovered", this.#region, this.#channel, () => ({ previousOwner, lostMessages }));
    return true;
  }
}
