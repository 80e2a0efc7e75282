import { adapter } from "../adapters/adapter.ts";
import type { CFunctions } from "../adapters/port.ts";
import { CLOCK_MONOTONIC } from "../c/constants.ts";
import { EINTR, errno, ETIMEDOUT, EWOULDBLOCK } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import type { Task } from "../threads/serve_parent.ts";
import { futexWait } from "./futex.ts";
import { CONTROL, ENTRY_WORDS, MOST_WATCHED, type WatchJob } from "./watched_words.ts";

const SYS_FUTEX_WAITV = 449; // The same on every architecture.
const FUTEX_32 = 2;
const WAITER_BYTES = 24;
/** The longest sleep, in nanoseconds, so that the thread can be ended. */
const LONGEST_SLEEP_NS = 50_000_000;
/** The time to sleep on each word once, in nanoseconds, if it cannot sleep on all at once. */
const ROUND_NS = 5_000_000;

// SAFETY: syscall(2) is variadic; integers and pointers are passed as by this fixed signature.
const WAITV = {
  syscall: { parameters: ["i64", "bytes", "u32", "u32", "bytes", "i32"], result: "i32" },
} as const;

/**
 * Sleeps until a word has changed, reports it, and goes on when it gets the next words to watch.
 */
class FutexWatcher {
  readonly #control: Int32Array;
  readonly #controlAddress: number;
  readonly #waitv: CFunctions<typeof WAITV> = adapter.bind(WAITV);
  readonly #waiters = new Uint8Array(WAITER_BYTES * (MOST_WATCHED + 1));
  readonly #view = new DataView(this.#waiters.buffer);
  readonly #time = new BigInt64Array(2);
  readonly #timeBytes = new Uint8Array(this.#time.buffer);
  #next = 0;

  /** Takes over the control words of a job. */
  constructor(control: SharedArrayBuffer) {
    this.#control = new Int32Array(control);
    this.#controlAddress = adapter.addressOf(new Uint8Array(control));
    errno(); // Binds it before it is needed.
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
        this.#sleep(this.#controlAddress, change, LONGEST_SLEEP_NS);
      }
    }
  }

  #read(change: number, count: number): void {
    this.#set(0, this.#controlAddress, change);
    for (let i = 0; i < count; i++) {
      const at = CONTROL.entries + i * ENTRY_WORDS;
      const low = Atomics.load(this.#control, at) >>> 0;
      const high = Atomics.load(this.#control, at + 1) >>> 0;
      this.#set(i + 1, high * 2 ** 32 + low, Atomics.load(this.#control, at + 2));
    }
  }

  /** An entry of `struct futex_waitv`. */
  #set(i: number, address: number, expected: number): void {
    this.#view.setBigUint64(i * WAITER_BYTES, BigInt(expected >>> 0), true);
    this.#view.setBigUint64(i * WAITER_BYTES + 8, BigInt(address), true);
    this.#view.setUint32(i * WAITER_BYTES + 16, FUTEX_32, true);
  }

  /** Sleeps on all words; whether one of them was woken or has another value than expected. */
  #sleepOnAll(count: number): boolean {
    libc.clock_gettime(CLOCK_MONOTONIC, this.#timeBytes);
    this.#time[1] += BigInt(LONGEST_SLEEP_NS);
    if (this.#time[1] >= 1_000_000_000n) {
      this.#time[0] += 1n;
      this.#time[1] -= 1_000_000_000n;
    }
    const woken = this.#waitv.syscall(
      SYS_FUTEX_WAITV,
      this.#waiters,
      count + 1,
      0,
      this.#timeBytes,
      CLOCK_MONOTONIC,
    );
    if (woken >= 0) return woken > 0;
    const failure = errno();
    if (failure === EWOULDBLOCK) return true;
    // A kernel before 5.16, or a sandbox that refuses the call.
    if (failure !== ETIMEDOUT && failure !== EINTR) {
      Atomics.store(this.#control, CONTROL.refused, 1);
    }
    return false;
  }

  /** Sleeps on one word for a short time; the next call sleeps on the next word. */
  #sleepOnOne(count: number): boolean {
    const i = 1 + this.#next++ % count;
    const expected = Number(this.#view.getBigUint64(i * WAITER_BYTES, true));
    const address = Number(this.#view.getBigUint64(i * WAITER_BYTES + 8, true));
    return this.#sleep(address, expected, Math.ceil(ROUND_NS / count));
  }

  #sleep(address: number, expected: number, nanoseconds: number): boolean {
    return futexWait(address, expected, nanoseconds / 1e6) || errno() === EWOULDBLOCK;
  }
}

let watcher: FutexWatcher | undefined;

/** Watches futex words for the thread that started this one: the helper's side of `FutexWatch`. */
export function futexWatcher({ control }: WatchJob, task: Task): void {
  watcher ??= new FutexWatcher(control);
  watcher.run(task.tellNews, task.isCalledOff);
}
