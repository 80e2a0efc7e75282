import { adapter } from "../runtime/adapter.ts";
import { closeFile, writeAt } from "../runtime/files.ts";
import { futexWait, futexWake } from "../runtime/futex.ts";
import { bootId, type ThreadIdentity, threadIdentity } from "../runtime/identity.ts";
import { mapFile, type Mapping, PAGE, unmap } from "../runtime/mapping.ts";
import { type Atomic, atomicsOnArrays, atomicsOnWasm } from "./atomics.ts";
import { flawOf, HEADER, isKnownBoot, isSameBoot, LONGEST, newHeader, SLOTS } from "./layout.ts";
import {
  fileLength,
  openMemoryFile,
  type OpenMode,
  openToLook,
  releaseMemoryFile,
} from "./memory_file.ts";
import { Slots } from "./slots.ts";
import { Waits } from "./waits.ts";
import { askForRoom, hasWebLocks, holdWebLock, watchRoom } from "./web_lock.ts";

/** The longest sleep in the host: no thread is ever out of reach for longer. In milliseconds. */
export const SLICE = 50;

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

const CLOSED = new Proxy({} as Atomic, { get: () => refuse });

/** Makes memory of the process that its threads can share. */
function shareable(length: number): MemoryHandle {
  try {
    if (adapter.mapping === "plain") return new SharedArrayBuffer(length);
    const pages = length / PAGE;
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new RangeError(`Cannot make a memory: the process cannot get ${length} more bytes`, {
      cause,
    });
  }
}

/**
 * Shared memory: one kind of thing to all that lies in it, whether the workers of one process
 * share it or every process that opens a file. It begins as zeros.
 *
 * A `Segment` gives names to what lies in one; here, locks and values are placed at byte offsets
 * chosen by the program. `128` bytes apart, they do not slow each other down.
 *
 * @example
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
  /** The bytes that may be used. */
  readonly byteLength: number;
  /** The buffer that contains it. Views of it must not be used after {@linkcode close}. */
  readonly buffer: ArrayBufferLike;
  /** Where in the buffer its header begins. */
  readonly base: number;
  /** The atomic operations, at places in the buffer. After {@linkcode close} they all throw. */
  atomic: Atomic;
  /** The threads that have it open. */
  readonly slots: Slots;
  /** Tells the file of a mapped one from every other. */
  readonly id: string | undefined;
  /** The offsets of the locks that its directory names. */
  readonly named: Set<number> = new Set();
  /** What in it may be held by this object, and keeps it open then. */
  readonly holders: Set<{ readonly held: boolean }> = new Set();

  #handle: MemoryHandle | undefined;
  #mapping: Mapping | undefined;
  /** For sleeping where the runtime can do so without the C library. */
  #words: Int32Array<SharedArrayBuffer> | undefined;
  #thread: ThreadIdentity | undefined;
  #identity = 0;
  /** Whether it was sent to workers, so that this thread looks for workers that ended. */
  #isSent = false;
  #waits: Waits | undefined;

  private constructor(source: Mapping | MemoryHandle, length: number, id?: string) {
    this.id = id;
    this.byteLength = length - HEADER.end;
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
    this.slots = new Slots(this);
  }

  /**
   * Memory for the threads of this process. Needs no permission.
   *
   * @param byteLength The bytes to use, at least; rounded up.
   * @throws {RangeError} If `byteLength` is not a positive whole number, or more than 1 GiB with the
   * header of 66,560 bytes.
   */
  static anonymous(byteLength: number): Memory {
    const length = fileLength(byteLength);
    const memory = new Memory(shareable(length), length);
    new Uint8Array(memory.buffer).set(newHeader(length));
    memory.atomic.store32(HEADER.directoryOnly, 1);
    // In place of a boot id: what tells it from the other memories of the process.
    new Uint8Array(memory.buffer, HEADER.boot, 16).set(crypto.getRandomValues(new Uint8Array(16)));
    return memory;
  }

  /**
   * In a worker: the anonymous memory whose handle it was sent.
   *
   * @throws {TypeError} If `handle` is not the handle of a memory.
   */
  static from(handle: MemoryHandle): Memory {
    if (handle instanceof WebAssembly.Memory || handle instanceof SharedArrayBuffer) {
      const buffer = handle instanceof WebAssembly.Memory ? handle.buffer : handle;
      const header = new Uint8Array(buffer).slice(0, HEADER.boot);
      if (flawOf(header, buffer.byteLength) === undefined && buffer.byteLength <= LONGEST) {
        return new Memory(handle, buffer.byteLength);
      }
    }
    throw new TypeError("Cannot open a memory: not the handle of one; send memory.handle");
  }

  /**
   * Memory that a file backs, shared by every process that maps the same file, in any runtime.
   * The file is created where it is missing, for this user alone, with its space reserved. A file
   * made shorter while it is mapped ends the processes that touch the missing part (`SIGBUS`).
   *
   * @param path The file; best on `tmpfs`, such as under `/dev/shm`.
   * @param byteLength The bytes to use, at least; rounded up. Where it is left out, the file has
   * to be there, and all of it is used.
   * @param mode Whether the file may be there, has to, or must not. Default: it may.
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
   * @throws {SegmentFormatError} If the file is not a memory, or other users may use it.
   * @throws {RangeError} If the file is there and has less room; if it has, or is to have, more than
   * 1 GiB with the header of 66,560 bytes; or if this thread has mapped too much already.
   * @throws {Error} With the `code` of the system: no such folder, no permission, no space.
   */
  static map(path: string, byteLength?: number, mode?: OpenMode): Memory {
    // First, since both need a descriptor for a moment, and the file may take the last one.
    threadIdentity();
    bootId();
    const file = openMemoryFile(path, byteLength, mode);
    try {
      const memory = new Memory(mapFile(file.fd, path, file.length), file.length, file.id);
      try {
        // Slots are claimed, and locks reset, while nobody else can do so.
        memory.#newBoot(file.fd, path);
        memory.#claim();
        return memory;
      } catch (error) {
        memory.close();
        throw error;
      }
    } finally {
      releaseMemoryFile(file, path);
    }
  }

  /**
   * A private copy of the memory of a file as it is now: the file is not written to, and no slot is
   * claimed. Changes of the copy are not visible elsewhere.
   *
   * @throws {SegmentFormatError} If the file is not a memory, or other users may use it.
   * @throws {Error} With the `code` of the system: no such file, no permission.
   */
  static look(path: string): Memory {
    const file = openToLook(path);
    try {
      return new Memory(mapFile(file.fd, path, file.length, false), file.length, file.id);
    } finally {
      closeFile(file.fd);
    }
  }

  /**
   * What to post to a worker: the memory itself. `undefined` for a mapped file, which each thread
   * maps for itself.
   */
  get handle(): MemoryHandle | undefined {
    if (this.#handle !== undefined && !this.#isSent && this.recovery === "web-locks") {
      this.#isSent = true;
      void watchRoom(this);
    }
    return this.#handle;
  }

  /** Whether the file was let go of. */
  get closed(): boolean {
    return this.atomic === CLOSED;
  }

  /** What a lock word says where this object holds it; no other of any thread has the same. */
  get identity(): number {
    return this.#identity === 0 ? this.#claim() : this.#identity;
  }

  /** This thread as the system knows it; `undefined` where the runtime may not ask. */
  get thread(): ThreadIdentity | undefined {
    void this.identity;
    return this.#thread;
  }

  /**
   * How the death of a thread that holds a lock in it is found out:
   *
   * - `kernel`: by its number; any waiter recovers the lock
   * - `web-locks`: anonymous memory where the runtime may not ask the system (Deno without
   *   `--allow-ffi`, Node without `node:ffi`): by a Web Lock of each worker; those who wait by
   *   `acquire` recover the lock
   * - `none`: not at all
   */
  get recovery(): "kernel" | "web-locks" | "none" {
    if (this.#mapping !== undefined || adapter.mayCallC()) return "kernel";
    return hasWebLocks() ? "web-locks" : "none";
  }

  /** The tasks of this thread that wait for something in it. */
  get waits(): Waits {
    return this.#waits ??= new Waits(this);
  }

  /** The address of a place, for the C library; `undefined` for anonymous memory. */
  addressOf(at: number): number | undefined {
    return this.#mapping && this.#mapping.address + at - this.base;
  }

  /**
   * Checks that `byteLength` bytes at `offset` may be used, and returns their place in the buffer.
   *
   * @throws {RangeError} If they are outside, or `offset` is not a multiple of `align`.
   * @throws {TypeError} If the memory was closed.
   */
  place(offset: number, byteLength: number, align: number): number {
    if (this.closed) refuse();
    if (!Number.isInteger(offset) || offset < 0 || offset % align !== 0) {
      throw new RangeError(
        `Cannot use offset ${offset}: it must be a whole multiple of ${align}, from 0`,
      );
    }
    if (offset + byteLength > this.byteLength) {
      throw new RangeError(
        `Cannot use ${byteLength} bytes at offset ${offset}: the memory has ${this.byteLength} bytes`,
      );
    }
    return this.base + HEADER.end + offset;
  }

  /**
   * Sleeps while the word at `at` (a place) is `expected`, for 50 ms at most. May return at any
   * time, so look at the word again. True where it was woken.
   */
  wait(at: number, expected: number, milliseconds: number = SLICE): boolean {
    const time = milliseconds < SLICE ? Math.max(0, milliseconds) : SLICE;
    if (this.#words === undefined) return futexWait(this.addressOf(at) ?? refuse(), expected, time);
    return Atomics.wait(this.#words, at >> 2, expected, time) === "ok";
  }

  /** Sleeps for so many milliseconds, 50 at most, and is woken by nobody. */
  nap(milliseconds: number): void {
    this.wait(this.base + HEADER.nap, 0, milliseconds);
  }

  /** Wakes up to `count` threads, of any process, that sleep on the word at `at`. */
  wake(at: number, count: number): void {
    if (this.#words !== undefined) Atomics.notify(this.#words, at >> 2, count);
    else futexWake(this.addressOf(at) ?? refuse(), count);
  }

  /**
   * Of anonymous memory: a promise that resolves when the word at `at` is woken, or is not
   * `expected` to begin with, or the time is over. It does not keep the process alive.
   */
  waitAsync(at: number, expected: number, milliseconds: number): Promise<unknown> {
    const result = Atomics.waitAsync(this.#words ?? refuse(), at >> 2, expected, milliseconds);
    return Promise.resolve(result.value);
  }

  /**
   * Lets go of it: a mapped file keeps its contents, and what lies in the memory can no longer be
   * used through this object. Closing twice does nothing.
   *
   * @throws {Error} If this object holds a lock in it.
   */
  close(): void {
    if (this.closed) return;
    const holds = [...this.holders].filter(({ held }) => held).length;
    if (holds > 0) {
      throw new Error(
        `Cannot close a memory: this thread holds ${holds} of its locks; release them first`,
      );
    }
    this.#waits?.rejectAll(new TypeError("Cannot wait any longer: the memory was closed"));
    if (this.#identity !== 0) this.slots.free(this.#identity);
    this.atomic = CLOSED;
    // Ends watchRoom, which would keep the memory for as long as the process runs.
    if (this.#isSent) this.wake(this.base + HEADER.crowded, SLOTS);
    const mapping = this.#mapping;
    this.#mapping = undefined;
    this.#words = undefined;
    if (mapping !== undefined) unmap(mapping, this.byteLength + HEADER.end);
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #claim(): number {
    this.#thread = this.#mapping !== undefined || adapter.mayCallC() ? threadIdentity() : undefined;
    if (this.#thread === undefined) askForRoom(this);
    this.#identity = this.slots.claim(this.#thread, this.#mapping !== undefined);
    if (this.#thread === undefined) holdWebLock(this, this.#identity);
    return this.#identity;
  }

  /** If the machine has rebooted for certain, no recorded owner is alive. */
  #newBoot(fd: number, path: string): void {
    const now = bootId();
    const then = new Uint8Array(this.buffer, this.base + HEADER.boot, now.length);
    if (!isKnownBoot(now) || isSameBoot(now, then)) return;
    if (isKnownBoot(then) && !this.slots.markAllGone()) return;
    writeAt(fd, path, now, HEADER.boot);
  }
}
