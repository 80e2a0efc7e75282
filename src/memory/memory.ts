import { mapFile, type Mapping, PAGE, unmap } from "../runtime/mapping.ts";
import { adapter } from "../runtime/adapter.ts";
import { closeFile, openRegularFile, reserve, statusOf } from "../runtime/files.ts";
import { unlockFlock, waitFlock } from "../runtime/flock.ts";
import { futexWait, futexWake } from "../runtime/futex.ts";
import { type Atomic, atomicsOnArrays, atomicsOnWasm } from "./atomics.ts";

/** The longest sleep in the host: no thread is ever out of reach for longer. In milliseconds. */
const SLICE = 50;

/** Bytes at the start of each memory that are its own. */
const RESERVED = 128;

/** What `postMessage` carries of anonymous memory to a worker: the memory itself. */
export type MemoryHandle = WebAssembly.Memory | SharedArrayBuffer;

/** One WebAssembly instance a memory, or V8's call sites would see many functions. */
const instances = new WeakMap<WebAssembly.Memory, Atomic>();

function atomicsOf(buffer: ArrayBufferLike, memory: WebAssembly.Memory | undefined): Atomic {
  if (memory === undefined) return atomicsOnArrays(buffer);
  let atomics = instances.get(memory);
  if (atomics === undefined) instances.set(memory, atomics = atomicsOnWasm(memory));
  return atomics;
}

function refuse(): never {
  throw new TypeError("Cannot use a memory that was closed");
}

const CLOSED: Atomic = {
  load8: refuse,
  store8: refuse,
  load32: refuse,
  store32: refuse,
  add32: refuse,
  compareExchange32: refuse,
  load64: refuse,
  add64: refuse,
  fetchAdd64: refuse,
  fetchAddFar64: refuse,
  tryLock: refuse,
  unlock: refuse,
};

function checkLength(byteLength: number): number {
  if (!Number.isInteger(byteLength) || byteLength <= 0) {
    throw new RangeError(
      `Cannot make a memory: its length must be a positive whole number: ${byteLength}`,
    );
  }
  return Math.ceil(byteLength / PAGE) * PAGE;
}

/**
 * Shared memory: one kind of thing to all that lies in it, whether the workers of one process
 * share it or every process that opens a file. It begins as zeros.
 *
 * Locks and values are placed at byte offsets chosen by the program; `128` bytes apart, they do
 * not slow each other down.
 *
 * @example The workers of one process
 * ```ts
 * import { AtomicCounter, Memory } from "@interlock/interlock";
 *
 * const memory = Memory.anonymous(128);
 * const counter = new AtomicCounter(memory, 0);
 * counter.add();
 * // worker.postMessage(memory.handle); in the worker: Memory.from(event.data)
 * ```
 */
export class Memory implements Disposable {
  /** Its length in bytes, a multiple of 65,536. */
  readonly byteLength: number;
  /** The buffer that contains it; it begins at byte {@linkcode base}. */
  readonly buffer: ArrayBufferLike;
  /** Where in the buffer it begins. */
  readonly base: number;
  /** The atomic operations, at places in the buffer. After {@linkcode close} they all throw. */
  atomic: Atomic;

  #handle: MemoryHandle | undefined;
  #mapping: Mapping | undefined;
  #words: Int32Array<SharedArrayBuffer> | undefined;
  #identity = 0;

  private constructor(source: Mapping | MemoryHandle, byteLength: number) {
    this.byteLength = byteLength;
    if (source instanceof WebAssembly.Memory || source instanceof SharedArrayBuffer) {
      const memory = source instanceof WebAssembly.Memory ? source : undefined;
      const buffer = (memory?.buffer ?? source) as SharedArrayBuffer;
      this.buffer = buffer;
      this.base = 0;
      this.atomic = atomicsOf(buffer, memory);
      this.#handle = source;
      this.#words = new Int32Array(buffer);
    } else {
      this.buffer = source.buffer;
      this.base = source.base;
      this.atomic = atomicsOf(source.buffer, source.memory);
      this.#mapping = source;
    }
  }

  /**
   * Memory for the threads of this process. Needs no permission.
   *
   * @param byteLength Rounded up to a multiple of 65,536.
   * @throws {RangeError} If `byteLength` is not a positive whole number.
   */
  static anonymous(byteLength: number): Memory {
    const length = checkLength(byteLength);
    if (adapter.mapping === "plain") return new Memory(new SharedArrayBuffer(length), length);
    const pages = length / PAGE;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    return new Memory(memory, length);
  }

  /**
   * In a worker: the anonymous memory whose handle it was sent.
   *
   * @throws {TypeError} If `handle` is not the handle of a memory.
   */
  static from(handle: MemoryHandle): Memory {
    if (handle instanceof WebAssembly.Memory || handle instanceof SharedArrayBuffer) {
      const { byteLength } = handle instanceof WebAssembly.Memory ? handle.buffer : handle;
      if (byteLength > 0 && byteLength % PAGE === 0) return new Memory(handle, byteLength);
    }
    throw new TypeError("Cannot open a memory: not the handle of one; send memory.handle");
  }

  /**
   * Memory that a file backs, shared by every process that maps the same file, in any runtime.
   * The file is created where it is missing, and made longer, with its space reserved, where it
   * is shorter. A file made shorter while it is mapped ends the processes that touch the missing
   * part (`SIGBUS`).
   *
   * @param path The file; best on `tmpfs`, such as under `/dev/shm`.
   * @param byteLength Rounded up to a multiple of 65,536.
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
   * @throws {Error} With the `code` of the system: no such folder, no permission, no space.
   */
  static map(path: string, byteLength: number): Memory {
    const length = checkLength(byteLength);
    const fd = openRegularFile(path);
    try {
      waitFlock(fd, path, () => true);
      try {
        if (statusOf(fd, path).size < length) reserve(fd, path, length);
      } finally {
        // By hand: a mapping keeps the open file description, and its lock, beyond the close.
        unlockFlock(fd, path);
      }
      return new Memory(mapFile(fd, path, length), length);
    } finally {
      closeFile(fd);
    }
  }

  /**
   * What to post to a worker: the memory itself. `undefined` for a mapped file, which each thread
   * maps for itself.
   */
  get handle(): MemoryHandle | undefined {
    return this.#handle;
  }

  /**
   * A number that no other thread with this memory has: what a lock word says of its holder.
   * Minted from the first word of the memory.
   */
  get identity(): number {
    while (this.#identity === 0) {
      this.#identity = (this.atomic.add32(this.base, 1) + 1) & 0x7fffffff;
    }
    return this.#identity;
  }

  /**
   * Checks that `byteLength` bytes at `offset` may be used, and returns their place in the buffer.
   *
   * @throws {RangeError} If they are outside, or `offset` is not a multiple of `align`.
   */
  place(offset: number, byteLength: number, align: number): number {
    const end = this.byteLength - RESERVED;
    if (!Number.isInteger(offset) || offset < 0 || offset % align !== 0) {
      throw new RangeError(
        `Cannot use offset ${offset}: it must be a whole multiple of ${align}, from 0`,
      );
    }
    if (offset + byteLength > end) {
      throw new RangeError(
        `Cannot use ${byteLength} bytes at offset ${offset}: the memory has ${end} bytes`,
      );
    }
    return this.base + RESERVED + offset;
  }

  /**
   * Sleeps while the word at `at` (a place) is `expected`, for 50 ms at most. May return at any
   * time, so look at the word again.
   */
  wait(at: number, expected: number, milliseconds: number = SLICE): void {
    const time = milliseconds < SLICE ? milliseconds : SLICE;
    if (this.#words !== undefined) Atomics.wait(this.#words, at >> 2, expected, time);
    else futexWait(this.#addressOf(at), expected, time);
  }

  /** Wakes up to `count` threads, of any process, that sleep on the word at `at`. */
  wake(at: number, count: number): void {
    if (this.#words !== undefined) Atomics.notify(this.#words, at >> 2, count);
    else futexWake(this.#addressOf(at), count);
  }

  /**
   * Lets go of a mapped file: its contents stay, and what lies in it can no longer be used through
   * this object. Closing twice, or anonymous memory, does nothing.
   */
  close(): void {
    const mapping = this.#mapping;
    if (mapping === undefined) return;
    this.#mapping = undefined;
    this.atomic = CLOSED;
    unmap(mapping, this.byteLength);
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #addressOf(at: number): number {
    if (this.#mapping === undefined) throw new TypeError("Cannot wait: the memory was closed");
    return this.#mapping.address + at - this.base;
  }
}
