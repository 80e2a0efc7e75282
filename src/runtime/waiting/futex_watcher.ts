import { adapter } from "../adapters/adapter.ts";
import { errno, EWOULDBLOCK } from "../c/errno.ts";
import type { Task } from "../threads/serve_parent.ts";
import { futexWait } from "./futex.ts";
import { FutexVector } from "./futex_vector.ts";
import { CONTROL, ENTRY_WORDS, MOST_WATCHED, type WatchJob } from "./watched_words.ts";

/** The longest sleep, in milliseconds, so that the thread can be ended. */
const LONGEST_SLEEP = 50;
/** The time to sleep on each word once, in milliseconds, if it cannot sleep on all at once. */
const ROUND = 5;

/**
 * Sleeps until a word has changed, reports it, and goes on when it gets the next words to watch.
 */
class FutexWatcher {
  readonly #control: Int32Array;
  readonly #controlAddress: number;
  readonly #words = new FutexVector(MOST_WATCHED + 1);
  #next = 0;

  /** Takes over the control words of a job. */
  constructor(control: SharedArrayBuffer) {
    this.#control = new Int32Array(control);
    this.#controlAddress = adapter.addressOf(new Uint8Array(control));
  }

  /** Watches until there is nothing left to watch, or the process ends. */
  run(onChange: () => void, isStopped: () => boolean): void {
    const control = this.#control;
    while (!isStopped()) {
      const change = Atomics.load(control, CONTROL.change);
      const count = Atomics.load(control, CONTROL.count);
      if (count === 0) {
        Atomics.store(control, CONTROL.running, 0);
        // It may have got words to watch before `running` was 0.
        if (
          Atomics.load(control, CONTROL.count) === 0 ||
          Atomics.compareExchange(control, CONTROL.running, 0, 1) !== 0
        ) return;
        continue;
      }
      this.#read(change, count);
      const refused = Atomics.load(control, CONTROL.refused) !== 0;
      const changed = refused ? this.#sleepOnOne(count) : this.#sleepOnAll(count);
      if (!changed || Atomics.load(control, CONTROL.change) !== change) continue;
      onChange();
      while (Atomics.load(control, CONTROL.change) === change && !isStopped()) {
        this.#sleep(this.#controlAddress, change, LONGEST_SLEEP);
      }
    }
  }

  #read(change: number, count: number): void {
    this.#words.set(0, this.#controlAddress, change);
    for (let i = 0; i < count; i++) {
      const at = CONTROL.entries + i * ENTRY_WORDS;
      const low = Atomics.load(this.#control, at) >>> 0;
      const high = Atomics.load(this.#control, at + 1) >>> 0;
      this.#words.set(i + 1, high * 2 ** 32 + low, Atomics.load(this.#control, at + 2));
    }
  }

  /** Sleeps on all words; whether one of them was woken or has another value than expected. */
  #sleepOnAll(count: number): boolean {
    const end = this.#words.sleep(count + 1, LONGEST_SLEEP);
    if (end === "refused") Atomics.store(this.#control, CONTROL.refused, 1);
    return end === "changed" || (typeof end === "number" && end > 0);
  }

  /** Sleeps on one word for a short time; the next call sleeps on the next word. */
  #sleepOnOne(count: number): boolean {
    const [address, expected] = this.#words.get(1 + this.#next++ % count);
    return this.#sleep(address, expected, ROUND / count);
  }

  #sleep(address: number, expected: number, milliseconds: number): boolean {
    return futexWait(address, expected, milliseconds) || errno() === EWOULDBLOCK;
  }
}

let watcher: FutexWatcher | undefined;

/** Watches futex words for the thread that started this one: the helper's side of `FutexWatch`. */
export function futexWatcher({ control }: WatchJob, task: Task): void {
  watcher ??= new FutexWatcher(control);
  watcher.run(task.tellNews, task.isCalledOff);
}
