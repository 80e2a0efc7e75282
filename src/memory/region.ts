import { nameOf } from "../contract/options.ts";
import type { PlatformWasmMemory } from "../contract/platform.ts";
import { UnsupportedError } from "../contract/errors.ts";
import { futexWait, futexWake, prepareWake } from "../runtime/waiting/futex.ts";
import { FutexVector } from "../runtime/waiting/futex_vector.ts";
import type { Mapping } from "../runtime/files/mapping.ts";
import { monotonicNanoseconds } from "../runtime/waiting/clock.ts";
import type { AtomicOperations } from "./atomic_operations.ts";
import { atomicsOnWasm } from "./atomics.ts";
import { atomicsOnArrays } from "./atomics_js.ts";
import { HEADER, SLOTS } from "./layout.ts";
import { MappedFile } from "./mapped_file.ts";

/** The longest sleep in the host, in milliseconds: a thread cannot be reached meanwhile. */
export const MAX_SLEEP = 50;

/** What `postMessage` carries of anonymous memory to a worker: the memory itself. */
export type MemoryHandle = PlatformWasmMemory | SharedArrayBuffer;

/** A word to sleep on, by its offset in the buffer. */
export interface FutexWord {
  readonly at: number;
  readonly expected: number;
}

/** For sleeps on two words; `undefined` before the first one, `null` if the system refuses them. */
let vector: FutexVector | null | undefined;

function refuse(): never {
  throw new TypeError("Cannot use a memory that was closed");
}

// SAFETY: each property is a function that throws, so no operation reaches the memory.
const CLOSED = new Proxy({} as AtomicOperations, { get: () => refuse });

/**
 * The bytes of a memory, with atomic operations on them, and with sleep and wake on their words.
 * `at` is a byte offset into the buffer, as {@linkcode Region.resolve} returns it.
 */
export class Region {
  /** The bytes that can be used, without the header. */
  readonly size: number;
  /** The buffer that contains the memory. Its views must not be used after the close. */
  readonly buffer: ArrayBufferLike;
  /** The offset of the header in the buffer. */
  readonly base: number;
  /** The file of a mapped memory; `undefined` for an anonymous one. */
  readonly file: MappedFile | undefined;
  /** The atomic operations. After the close, each of them throws. */
  atomics: AtomicOperations;

  #mapping: Mapping | undefined;
  /** For sleeping without the C library, in anonymous memory. */
  #words: Int32Array<SharedArrayBuffer> | undefined;

  /** The region of all bytes of a memory. Its close closes the file. */
  constructor(source: MappedFile | MemoryHandle) {
    if (source instanceof MappedFile) {
      const { buffer, base, memory } = source.mapping;
      this.file = source;
      this.buffer = buffer;
      this.base = base;
      this.size = source.length - HEADER.end;
      this.atomics = memory === undefined ? atomicsOnArrays(buffer) : atomicsOnWasm(memory);
      this.#mapping = source.mapping;
    } else {
      const memory = source instanceof WebAssembly.Memory ? source : undefined;
      // SAFETY: a shared `WebAssembly.Memory` has a `SharedArrayBuffer`; `Memory` makes no other.
      const buffer = (memory?.buffer ?? source) as SharedArrayBuffer;
      this.buffer = buffer;
      this.base = 0;
      this.size = buffer.byteLength - HEADER.end;
      this.atomics = memory === undefined ? atomicsOnArrays(buffer) : atomicsOnWasm(memory);
      this.#words = new Int32Array(buffer);
    }
  }

  /** Whether the region was closed. */
  get closed(): boolean {
    return this.atomics === CLOSED;
  }

  /** Tells the memory from every other that this thread uses. */
  get id(): string {
    return this.file?.id ?? new Uint8Array(this.buffer, HEADER.boot, 16).join();
  }

  /**
   * The time in microseconds, on the clock of the waiters: that of the machine for a file, and the
   * wall clock for anonymous memory, where the runtime may not ask the system.
   */
  now(): number {
    return this.file === undefined
      ? Math.floor((performance.timeOrigin + performance.now()) * 1000)
      : Math.floor(monotonicNanoseconds() / 1000);
  }

  /** The date of a time by {@linkcode now}. */
  dateOf(time: number): Date {
    return new Date(Date.now() - (this.now() - time) / 1000);
  }

  /** The address of a byte, for the C library; `undefined` for anonymous memory. */
  addressOf(at: number): number | undefined {
    return this.#mapping && this.#mapping.address + at - this.base;
  }

  /**
   * Checks that `size` bytes at `offset` can be used, and returns their offset in the buffer.
   *
   * @throws {RangeError} If they are outside, or `offset` is not a multiple of `align`.
   * @throws {TypeError} If `offset` is not a number, or the memory was closed.
   */
  resolve(offset: number, size: number, align: number): number {
    if (this.closed) refuse();
    if (typeof offset !== "number") {
      throw new TypeError(`Cannot use ${nameOf(offset)} as an offset: not a number`);
    }
    if (!Number.isInteger(offset) || offset < 0 || offset % align !== 0) {
      throw new RangeError(
        `Cannot use offset ${offset}: it must be a multiple of ${align}, from 0`,
      );
    }
    if (offset + size > this.size) {
      throw new RangeError(
        `Cannot use ${size} bytes at offset ${offset}: the memory has ${this.size} bytes`,
      );
    }
    return this.base + HEADER.end + offset;
  }

  /**
   * Sleeps while the word at `at` is `expected`, for 50 ms at most. A sleep can end at any time, so
   * the caller must look at the word again.
   *
   * @param life A life word to sleep on as well, until the kernel marks it, if the system can.
   * @returns Whether another thread, or the kernel, woke this one.
   * @throws {UnsupportedError} If this is the main thread of a page.
   */
  wait(
    at: number,
    expected: number,
    milliseconds: number = MAX_SLEEP,
    life?: FutexWord,
  ): boolean {
    const time = milliseconds < MAX_SLEEP ? Math.max(0, milliseconds) : MAX_SLEEP;
    if (life !== undefined && vector !== null) {
      const end = this.#waitForTwo({ at, expected }, life, time);
      if (end !== undefined) return end;
    }
    // SAFETY: the address is inside the mapping, which stays until `close`.
    if (this.#words === undefined) return futexWait(this.addressOf(at) ?? refuse(), expected, time);
    try {
      return Atomics.wait(this.#words, at >> 2, expected, time) === "ok";
    } catch (cause) {
      throw new UnsupportedError(
        "Cannot block the main thread of a page, which browsers forbid. Await the asynchronous " +
          "method, such as acquire(), or wait in a worker",
        { cause },
      );
    }
  }

  /** Sleeps on a word and on a life word; `undefined` if the system refuses. */
  #waitForTwo(word: FutexWord, life: FutexWord, milliseconds: number): boolean | undefined {
    const words = vector ??= new FutexVector(2);
    prepareWake();
    words.set(0, this.addressOf(word.at) ?? refuse(), word.expected);
    words.set(1, this.addressOf(life.at) ?? refuse(), life.expected);
    // SAFETY: the addresses are inside the mapping, which stays until `close`.
    const end = words.sleep(2, milliseconds);
    if (end === "refused") {
      vector = null;
      return undefined;
    }
    // The kernel wakes one thread only; others may sleep for other locks of this owner.
    if (end === 1) this.wake(life.at, SLOTS);
    return typeof end === "number";
  }

  /** Asks again and again, without sleeping, until there is an answer, and so often at most. */
  spin<T>(ask: () => T | undefined, looks: number): T | undefined {
    let answer: T | undefined;
    for (let i = 0; i < looks && answer === undefined; i++) answer = ask();
    return answer;
  }

  /** Sleeps for `milliseconds`, 50 at most; no other thread wakes this one. */
  nap(milliseconds: number): void {
    this.wait(this.base + HEADER.nap, 0, milliseconds);
  }

  /** Wakes up to `count` threads, of any process, that sleep on the word at `at`. */
  wake(at: number, count: number): void {
    if (this.#words !== undefined) Atomics.notify(this.#words, at >> 2, count);
    // SAFETY: as in `wait`.
    else futexWake(this.addressOf(at) ?? refuse(), count);
  }

  /**
   * In anonymous memory: resolves when another thread wakes the word at `at`, the word is not
   * `expected`, or the time is over. Does not keep the process alive.
   */
  waitAsync(at: number, expected: number, milliseconds: number): Promise<unknown> {
    const result = Atomics.waitAsync(this.#words ?? refuse(), at >> 2, expected, milliseconds);
    return Promise.resolve(result.value);
  }

  /** Unmaps a file. Each later operation throws. Closing twice does nothing. */
  close(): void {
    if (this.closed) return;
    this.atomics = CLOSED;
    this.#mapping = undefined;
    this.#words = undefined;
    // From here on, no operation and no sleep of this object uses the mapping.
    this.file?.close();
  }
}
