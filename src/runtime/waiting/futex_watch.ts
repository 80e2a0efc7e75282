import { adapter } from "../adapters/adapter.ts";
import { errno } from "../c/errno.ts";
import { futexWake } from "./futex.ts";
import { startHelper } from "../threads/start_helper.ts";
import type { CFunctions, HelperThread } from "../adapters/port.ts";

/** How many words one helper can watch, beside the one that tells it of changes. */
export const MOST_WATCHED = 126;

/** The words that a thread and its helper share; entries follow: address, expected value. */
export const CONTROL = { change: 0, count: 1, running: 2, refused: 3, entries: 4 } as const;
const ENTRY_WORDS = 4;
const WORDS = CONTROL.entries + ENTRY_WORDS * MOST_WATCHED;

/** The start message of a helper. */
export interface WatchStart {
  readonly control: SharedArrayBuffer;
}

const HELPER = new URL("../../../workers/futex_helper.ts", import.meta.url);

/**
 * Watches futex words of this process without blocking this thread: one helper thread sleeps on all
 * of them at once, by futex_waitv(2), and posts a message when one has changed. It never keeps the
 * process alive, and is idle if there is nothing to watch.
 */
export class FutexWatch {
  readonly #control = new Int32Array(new SharedArrayBuffer(WORDS * 4));
  readonly #address: number;
  readonly #helper: HelperThread;
  #ready = false;

  private constructor(helper: HelperThread, onChange: () => void) {
    // SAFETY: shared memory does not move, and both threads keep it alive as long as they use it.
    this.#address = adapter.addressOf(new Uint8Array(this.#control.buffer));
    this.#helper = helper;
    helper.onMessage(() => {
      this.#ready = true;
      onChange();
    });
    helper.unref();
    helper.postMessage({ control: this.#control.buffer } satisfies WatchStart);
  }

  /**
   * Starts the helper; `undefined` if none can be started now.
   *
   * @param onChange Called when a watched word no longer has the expected value.
   * @param onEnd Called when the helper has failed or ended: nothing is watched any more.
   */
  static start(onChange: () => void, onEnd: () => void): FutexWatch | undefined {
    const helper = startHelper(HELPER, onEnd);
    return helper && new FutexWatch(helper, onChange);
  }

  /** Whether the helper has begun; until then, no message tells of a change. */
  get ready(): boolean {
    return this.#ready;
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
      if (count > 0) this.#helper.postMessage("go");
      else Atomics.store(control, CONTROL.running, 0);
    } else futexWake(this.#address, 1);
  }
}

const SYS_FUTEX_WAITV = 449; // The same on every architecture.
const FUTEX_32 = 2;
const CLOCK_MONOTONIC = 1;
const WAITER_BYTES = 24;
/** The longest sleep, in nanoseconds, so that the thread can be ended. */
const LONGEST_SLEEP_NS = 50_000_000;
/** The time to sleep on each word once, in nanoseconds, if it cannot sleep on all at once. */
const ROUND_NS = 5_000_000;
const [EINTR, EAGAIN, ETIMEDOUT] = [4, 11, 110];

// SAFETY: syscall(2) is variadic; integers and pointers are passed as by these fixed signatures.
const SIGNATURES = {
  clock_gettime: { parameters: ["i32", "bytes"], result: "i32" },
  syscall: { parameters: ["i64", "bytes", "u32", "u32", "bytes", "i32"], result: "i32" },
} as const;

const SINGLE = {
  syscall: { parameters: ["i64", "pointer", "i32", "u32", "bytes"], result: "i32" },
} as const;

const SYS_FUTEX: Readonly<Record<string, number>> = { x64: 202, arm64: 98 };

/**
 * The helper's part: sleeps until a word has changed, reports it, and goes on when it gets the next
 * words to watch.
 */
export class FutexWatcher {
  readonly #control: Int32Array;
  readonly #controlAddress: number;
  readonly #many: CFunctions<typeof SIGNATURES> = adapter.bind(SIGNATURES);
  readonly #one: CFunctions<typeof SINGLE> = adapter.bind(SINGLE);
  readonly #waiters = new Uint8Array(WAITER_BYTES * (MOST_WATCHED + 1));
  readonly #view = new DataView(this.#waiters.buffer);
  readonly #time = new BigInt64Array(2);
  readonly #timeBytes = new Uint8Array(this.#time.buffer);
  #next = 0;

  /** Takes over the control words of a start message. */
  constructor({ control }: WatchStart) {
    this.#control = new Int32Array(control);
    this.#controlAddress = adapter.addressOf(new Uint8Array(control));
    errno(); // Binds it before it is needed.
  }

  /** Watches until there is nothing left to watch. */
  run(onChange: () => void): void {
    const control = this.#control;
    for (;;) {
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
      while (Atomics.load(control, CONTROL.change) === change) {
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
    this.#many.clock_gettime(CLOCK_MONOTONIC, this.#timeBytes);
    this.#time[1] += BigInt(LONGEST_SLEEP_NS);
    if (this.#time[1] >= 1_000_000_000n) {
      this.#time[0] += 1n;
      this.#time[1] -= 1_000_000_000n;
    }
    const woken = this.#many.syscall(
      SYS_FUTEX_WAITV,
      this.#waiters,
      count + 1,
      0,
      this.#timeBytes,
      CLOCK_MONOTONIC,
    );
    if (woken >= 0) return woken > 0;
    const failure = errno();
    if (failure === EAGAIN) return true;
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
    this.#time[0] = 0n;
    this.#time[1] = BigInt(nanoseconds);
    const number = SYS_FUTEX[adapter.arch];
    const result = this.#one.syscall(number, address, 0, expected >>> 0, this.#timeBytes);
    return result === 0 || errno() === EAGAIN;
  }
}
