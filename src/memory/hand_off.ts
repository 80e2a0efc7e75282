import type { Attachment } from "./attachment.ts";
import { MUTEX } from "./layout.ts";
import { OWNER } from "./lock_words.ts";

/** In the request of a waiter: the holder has released the lock to it. */
const HANDED = 0x80000000 | 0;
/** For how many milliseconds a waiter is overtaken before it asks. */
const PATIENCE = 0.5;

/**
 * The request of a waiter for a mutex that others have overtaken for long: the next release hands the
 * lock to it. Every release does so, also that of an object without the option `fair`.
 *
 * | heir             | meaning                                  | leaves by                               |
 * | ---------------- | ---------------------------------------- | --------------------------------------- |
 * | `0`              | no waiter asks                           | a waiter: to `me`                       |
 * | `waiter`         | it asks                                  | it: to `0`; the holder: sets bit 31     |
 * | `waiter`         | it asks, and the lock was freed instead  | who freed it: to `0`, then wakes it     |
 * | `waiter`         | of a waiter that is dead                 | another one: to `me`; the holder        |
 * | `waiter`, bit 31 | the lock is this waiter's                | it: takes the lock word, then to `0`    |
 * | `waiter`, bit 31 | of a waiter that is dead                 | who takes the lock word, then to `0`    |
 *
 * The holder sets bit 31 while the lock word names it, then swaps itself for the waiter in that word,
 * then wakes it. From bit 31 on, the holder is outside, and the waiter takes the word itself if the
 * holder dies. While the waiter lives, no other thread takes the word over. If both die, neither was
 * inside, so the thread that takes the word over reports no death.
 *
 * A waiter that asks sleeps on this word, so that the wake reaches it. It looks at the lock word after
 * it has asked; so the holder sees the request, or has changed the lock word, or declines.
 */
export class HandOff {
  readonly #attachment: Attachment;
  /** The offset of the mutex, and that of the request. */
  readonly #at: number;
  readonly #heir: number;
  /** When another thread was faster for the first time. */
  #overtaken: number | undefined;
  #isAsked = false;

  /** The request of a wait for the mutex at an offset of the buffer. */
  constructor(attachment: Attachment, at: number) {
    this.#attachment = attachment;
    this.#at = at;
    this.#heir = at + MUTEX.heir;
  }

  /** Whether the waiter asks, and so sleeps on the request. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /**
   * Notes that another thread was faster, and asks if that was so for long.
   *
   * @returns Whether the waiter has asked just now.
   */
  overtake(): boolean {
    if (this.#isAsked) return false;
    const now = performance.now();
    this.#overtaken ??= now;
    if (now - this.#overtaken < PATIENCE) return false;
    const { region: { atomics }, threads, identity } = this.#attachment;
    const known = atomics.load32(this.#heir);
    if (known < 0 || (known !== 0 && !threads.isFoundGone(known))) return false;
    return this.#isAsked = atomics.compareExchange32(this.#heir, known, identity) === known;
  }

  /** Takes the lock if it was handed to this waiter. */
  take(): boolean {
    if (!this.#isAsked) return false;
    const { region: { atomics }, identity } = this.#attachment;
    const known = atomics.load32(this.#heir);
    this.#isAsked = known === identity;
    if (known !== (identity | HANDED)) return false;
    for (;;) {
      const word = atomics.load32(this.#at);
      if ((word & OWNER) === identity) break;
      const mine = (word & ~OWNER) | identity;
      if (atomics.compareExchange32(this.#at, word, mine) === word) break;
    }
    atomics.store32(this.#heir, 0);
    return true;
  }

  /**
   * Ends the request.
   *
   * @returns False if the lock was handed to this waiter meanwhile, which has it now.
   */
  leave(): boolean {
    if (!this.#isAsked) return true;
    const { region: { atomics }, identity } = this.#attachment;
    if (atomics.compareExchange32(this.#heir, identity, 0) !== identity && this.take()) {
      return false;
    }
    this.#isAsked = false;
    return true;
  }
}

/**
 * The waiter to which the mutex `at` was handed and that has not taken it yet; 0 if there is none. The
 * holder that the word names is outside then.
 */
export function handedTo({ region: { atomics } }: Attachment, at: number): number {
  const heir = atomics.load32(at + MUTEX.heir);
  return heir < 0 ? heir & OWNER : 0;
}
