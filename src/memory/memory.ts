import { nameOf } from "../contract/options.ts";
import type { PathLike } from "../contract/path_like.ts";
import { dispose, type PlatformDisposable } from "../contract/platform.ts";
import { adapter } from "../runtime/adapters/adapter.ts";
import { writeAt } from "../runtime/files/open_file.ts";
import { bootId } from "../runtime/identity/machine.ts";
import { threadIdentity } from "../runtime/identity/thread_identity.ts";
import { PAGE } from "../runtime/files/mapping.ts";
import { filePathFrom, isPathLike } from "../runtime/paths/path_like.ts";
import { checkOptions } from "./arguments.ts";
import { Attachment, type Recovery } from "./attachment.ts";
import { flawOf, HEADER, isKnownBoot, isSameBoot, LONGEST, newHeader, SLOTS } from "./layout.ts";
import { MappedFile } from "./mapped_file.ts";
import {
  fileLength,
  type FileSize,
  type MapOptions,
  type MemoryFileOptions,
  memoryFileOptions,
  openMemoryFile,
  releaseMemoryFile,
} from "./memory_file.ts";
import { type MemoryHandle, Region } from "./region.ts";
import type { MemorySlots, MemoryThread } from "./wait_records.ts";

/** What the constructor requires: a program cannot get it, so it cannot call the constructor. */
const CONSTRUCT: unique symbol = Symbol("construct");

/** Allocates memory of this process that its threads can share. */
function allocate(length: number): MemoryHandle {
  const { mapping } = adapter;
  try {
    if (mapping === "plain") return new SharedArrayBuffer(length);
    const pages = length / PAGE;
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new RangeError(`Cannot make a memory: the process cannot get ${length} more bytes`, {
      cause,
    });
  }
}

/** If the machine has rebooted for certain, no recorded owner is alive. */
function noteBoot({ region, threads }: Attachment, fd: number, path: string): void {
  const now = bootId();
  const then = new Uint8Array(region.buffer, region.base + HEADER.boot, now.length);
  if (!isKnownBoot(now) || isSameBoot(now, then)) return;
  if (isKnownBoot(then) && !threads.markAllGone()) return;
  writeAt(fd, path, now, HEADER.boot);
}

/**
 * Returns this thread's use of a memory.
 *
 * @param what What is made in the memory, for the error.
 * @throws {TypeError} If `memory` is not a `Memory`.
 */
export let attachmentOf: (memory: Memory, what?: string) => Attachment;

/** Maps the file of a memory; see {@linkcode Memory.map}. */
export let mapMemory: (path: string, size: FileSize, options: MemoryFileOptions) => Memory;

/**
 * Shared memory, for the workers of one process or for all processes that map one file. It begins
 * as zeros.
 *
 * Locks and values are placed at byte offsets that the program chooses; `128` bytes apart, they do
 * not slow each other down. A `Segment` finds the offsets by name.
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
export class Memory implements PlatformDisposable {
  readonly #attachment: Attachment;
  readonly #handle: MemoryHandle | undefined;

  private constructor(
    key: typeof CONSTRUCT,
    source: MappedFile | MemoryHandle,
  ) {
    if (key !== CONSTRUCT) {
      throw new TypeError(
        "Cannot construct a Memory: use Memory.anonymous, Memory.map or Memory.from",
      );
    }
    this.#attachment = new Attachment(new Region(source));
    this.#handle = source instanceof MappedFile ? undefined : source;
  }

  static {
    attachmentOf = (memory, what = "something") => {
      // A program may pass anything, whatever the type says.
      const value: unknown = memory;
      if (typeof value === "object" && value !== null && #attachment in value) {
        return value.#attachment;
      }
      throw new TypeError(`Cannot place ${what} in ${nameOf(value)}: not a Memory`);
    };

    mapMemory = (path, size, options) => {
      // First, since both need a descriptor for a moment, and the file may take the last one.
      threadIdentity();
      bootId();
      const file = openMemoryFile(path, size, options);
      try {
        return MappedFile.open(file, path, (mapped) => {
          const memory = new Memory(CONSTRUCT, mapped);
          try {
            // Under the creation lock, no other process claims slots or resets locks.
            noteBoot(memory.#attachment, file.fd, path);
            memory.#attachment.claim();
            return memory;
          } catch (error) {
            memory.close();
            throw error;
          }
        });
      } finally {
        releaseMemoryFile(file, path);
      }
    };
  }

  /**
   * Makes memory for the threads of this process. Needs no permission.
   *
   * @param size The bytes that can be used, at least; rounded up.
   * @throws {TypeError} If `size` is not a number.
   * @throws {RangeError} If `size` is not a positive whole number, or more than 1 GiB with the
   * header of 266,240 bytes.
   */
  static anonymous(size: number): Memory {
    const length = fileLength(size);
    const memory = new Memory(CONSTRUCT, allocate(length));
    const { buffer, atomics } = memory.#attachment.region;
    new Uint8Array(buffer).set(newHeader(length));
    atomics.store32(HEADER.directoryOnly, 1);
    // In place of a boot id: tells this memory from the others of the process.
    new Uint8Array(buffer, HEADER.boot, 16).set(crypto.getRandomValues(new Uint8Array(16)));
    return memory;
  }

  /**
   * Opens, in a worker, the anonymous memory whose handle it was sent.
   *
   * @throws {TypeError} If `handle` is not the handle of a memory.
   */
  static from(handle: MemoryHandle): Memory {
    if (handle instanceof WebAssembly.Memory || handle instanceof SharedArrayBuffer) {
      const buffer = handle instanceof WebAssembly.Memory ? handle.buffer : handle;
      const header = new Uint8Array(buffer).slice(0, HEADER.checked);
      if (flawOf(header, buffer.byteLength) === undefined && buffer.byteLength <= LONGEST) {
        return new Memory(CONSTRUCT, handle);
      }
    }
    throw new TypeError("Cannot open a memory: not the handle of one. Send memory.handle");
  }

  /**
   * Maps a file as memory, shared by all processes that map the same file, in any runtime. Creates
   * a missing file, for this user alone unless the options say more, and makes a shorter one
   * longer, with its space reserved. If the file is made shorter while it is mapped, processes that
   * touch the missing part are ended (`SIGBUS`).
   *
   * @param path The file; best on `tmpfs`, such as below `/dev/shm`.
   * @param size The bytes that can be used, at least; rounded up. Default: all bytes of the file,
   * which must exist then.
   * @param options Whether to create a missing file, and for which users.
   * @throws {TypeError} If an argument cannot be used.
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the permission for them.
   * @throws {SegmentFormatError} If the file is not a memory, or not for the users that the options
   * name.
   * @throws {RangeError} If the file has, or would have, more than 1 GiB with the header of
   * 266,240 bytes; or if this thread has mapped too much already.
   * @throws {Error} With the `code` of the system: no such folder, no permission, no space.
   */
  static map(path: PathLike, size?: number, options: MapOptions = {}): Memory {
    if (!isPathLike(path)) {
      throw new TypeError(`Cannot map ${nameOf(path)} as a memory: not a path`);
    }
    const file = filePathFrom(path);
    checkOptions(options, "map a memory");
    const checked = memoryFileOptions(options, "map a memory");
    return mapMemory(file, { create: size, minimum: size, most: undefined }, checked);
  }

  /** The bytes that can be used. */
  get size(): number {
    return this.#attachment.region.size;
  }

  /** Tells the file of a mapped memory from every other; `undefined` for an anonymous one. */
  get id(): string | undefined {
    return this.#attachment.region.file?.id;
  }

  /**
   * The memory itself, to post to a worker. `undefined` for a mapped file, which each thread maps
   * itself.
   */
  get handle(): MemoryHandle | undefined {
    if (this.#handle !== undefined && !this.closed) this.#attachment.noteSent();
    return this.#handle;
  }

  /** Whether the memory was closed. */
  get closed(): boolean {
    return this.#attachment.region.closed;
  }

  /**
   * How the death of a thread that holds a lock is detected:
   *
   * - `kernel`: by the number of the thread; each waiter can recover the lock
   * - `web-locks`: by a Web Lock of each worker; only a waiter in `acquire` can recover the lock.
   *   For anonymous memory, if the runtime must not ask the system (Deno without `--allow-ffi`,
   *   Node without `node:ffi`)
   * - `none`: not at all
   */
  get recovery(): Recovery {
    return this.#attachment.recovery;
  }

  /**
   * How many threads have the memory open, and how many can. A thread has one slot, however often
   * it opens the memory; in anonymous memory, from its first lock on. If no slot is left, those of
   * dead threads are used again, and then it is a `RangeError` to open the memory.
   */
  get slots(): MemorySlots {
    return { used: this.#attachment.threads.list().length, limit: SLOTS };
  }

  /**
   * The threads that have the memory open, and what they wait for. Takes 20 us for each of them.
   */
  threads(): MemoryThread[] {
    return this.#attachment.threads.all();
  }

  /**
   * Closes the memory: what lies in it can no longer be used through this object. A mapped file
   * keeps its contents. Closing twice does nothing.
   *
   * @throws {Error} If this object holds a lock in it.
   */
  close(): void {
    this.#attachment.close();
  }

  /** The same as {@linkcode close}. */
  [dispose](): void {
    this.close();
  }
}

/** This thread's region of a memory; throws as {@linkcode attachmentOf} does. */
export function regionOf(memory: Memory, what?: string): Region {
  return attachmentOf(memory, what).region;
}
