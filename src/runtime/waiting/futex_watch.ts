import { adapter } from "../adapters/adapter.ts";
import { type Helper, Helpers } from "../threads/helper.ts";
import { futexWake } from "./futex.ts";
import { CONTROL, ENTRY_WORDS, MOST_WATCHED, type WatchJob, WORDS } from "./watched_words.ts";

const helpers = new Helpers<WatchJob>("futex");

/**
 * Watches futex words of this process without blocking this thread: one helper thread sleeps on all
 * of them at once, by futex_waitv(2), and posts a message when one has changed. It never keeps the
 * process alive, and is idle if there is nothing to watch.
 */
export class FutexWatch {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #helper: Helper<WatchJob>;
  readonly #address: number;

  private constructor(
    control: Int32Array<SharedArrayBuffer>,
    helper: Helper<WatchJob>,
    address: number,
  ) {
    this.#control = control;
    this.#helper = helper;
    this.#address = address;
  }

  /**
   * Starts the helper; `undefined` if none can be started now, or if one has failed.
   *
   * @param onChange Called when a watched word no longer has the expected value.
   * @param onEnd Called when the helper has failed or ended: nothing is watched any more.
   */
  static start(onChange: () => void, onEnd: () => void): FutexWatch | undefined {
    const control = new Int32Array(new SharedArrayBuffer(WORDS * 4));
    // SAFETY: shared memory does not move, and both threads keep it alive as long as they use it.
    const address = adapter.addressOf(new Uint8Array(control.buffer));
    const interrupt = () => {
      Atomics.add(control, CONTROL.change, 1);
      futexWake(address, 1);
    };
    // When it has started, a word may have changed before.
    const helper = helpers.start({ interrupt, onIdle: onChange, onNews: onChange, onEnd });
    return helper && new FutexWatch(control, helper, address);
  }

  /** Whether the helper has begun; until then, no message tells of a change. */
  get ready(): boolean {
    return this.#helper.isReady;
  }

  /**
   * Watches these words, and no others, until one has changed; then call it again. Words beyond
   * {@linkcode MOST_WATCHED} are not watched.
   *
   * SAFETY: the words must stay mapped until others are watched.
   */
  watch(words: readonly { readonly address: number; readonly expected: number }[]): void {
    const control = this.#control;
    const count = Math.min(words.length, MOST_WATCHED);
    for (let i = 0; i < count; i++) {
      const at = CONTROL.entries + i * ENTRY_WORDS;
      const { address, expected } = words[i];
      Atomics.store(control, at, address | 0);
      Atomics.store(control, at + 1, Math.floor(address / 2 ** 32));
      Atomics.store(control, at + 2, expected);
    }
    Atomics.store(control, CONTROL.count, count);
    // After the entries: a helper that read half of them finds this changed and reads again.
    Atomics.add(control, CONTROL.change, 1);
    if (Atomics.compareExchange(control, CONTROL.running, 0, 1) === 0) {
      if (count > 0) this.#helper.tell({ control: control.buffer });
      else Atomics.store(control, CONTROL.running, 0);
    } else futexWake(this.#address, 1);
  }
}
