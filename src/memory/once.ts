import { SegmentFormatError } from "../contract/errors.ts";
import { type AcquireOptions, checkAcquireOptions, nameOf } from "../contract/options.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import { checkBody } from "../contract/with_lock.ts";
import { checkOptions } from "./arguments.ts";
import { decodeJson, encodeJson, isBytes } from "./json_bytes.ts";
import { ONCE } from "./layout.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import { Mutex } from "./mutex.ts";
import type { Region } from "./region.ts";

const TASK = "get a value once";
const MOST = 2 ** 20;
const DEFAULT = 1024;
/** What the state says of the value, in its lowest bits; its length in bytes is above them. */
const [NOTHING, JSON_TEXT, BYTES] = [1, 2, 3];
const SHIFT = 2;

/** Options for `Once`. */
export interface OnceOptions {
  /**
   * The most bytes of the value, as JSON in UTF-8 or as bytes, from 0 to 2^20: the same for all users.
   *
   * @default {1024}
   */
  size?: number;
}

/** Checks the options of a value that is made once; returns its size. */
export function onceSizeOf(options: OnceOptions | undefined): number {
  checkOptions(options, TASK);
  const { size = DEFAULT }: { size?: unknown } = options ?? {};
  if (typeof size !== "number" || !Number.isInteger(size)) {
    throw new TypeError(`Cannot ${TASK}: size must be a whole number, not ${nameOf(size)}`);
  }
  if (size >= 0 && size <= MOST) return size;
  throw new RangeError(`Cannot ${TASK}: size must be from 0 to ${MOST} (given ${size})`);
}

/** The bytes that are stored of a value, and their kind. */
interface Encoded {
  readonly kind: number;
  readonly bytes: Uint8Array;
}

/**
 * A value in shared memory that one of all threads makes, once: the first to ask runs its function, and
 * the others wait for the value. If that one dies or its function throws, the next one runs its own.
 * Then the value is read without a lock.
 *
 * | state            | meaning                              | leaves by                                 |
 * | ---------------- | ------------------------------------ | ----------------------------------------- |
 * | `0`              | not made; the bytes mean nothing     | the holder of the mutex, after the bytes  |
 * | length and kind  | made: 1 nothing, 2 JSON, 3 bytes     | never                                     |
 *
 * The function runs while its thread holds a mutex, so a death in it is noticed as that of any owner.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const config = Segment.anonymous().once("config");
 * const { port } = await config.get(() => ({ port: 8080 })); // In one thread of all processes.
 * console.log(port, config.getSync(() => ({ port: 1 })).port); // 8080 8080
 * ```
 */
export class Once {
  /** The most bytes of its value. */
  readonly size: number;

  readonly #region: Region;
  readonly #at: number;
  readonly #mutex: Mutex;

  /**
   * The bytes to reserve for a value.
   *
   * @throws {TypeError} If `size` is not a whole number.
   * @throws {RangeError} If `size` is not from 0 to 2^20.
   */
  static bytes(size: number): number {
    return ONCE.value + Math.ceil(onceSizeOf({ size }) / 128) * 128;
  }

  /**
   * The value at `offset`; all zeros is one that was not made. All users must give the same size.
   * `Segment.once` finds an offset by name.
   *
   * @throws {RangeError} If it is outside of the memory, the offset is not a multiple of 8, or the size
   * is not from 0 to 2^20.
   * @throws {TypeError} If an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number, options?: OnceOptions) {
    this.size = onceSizeOf(options);
    const { region } = attachmentOf(memory, "a value that is made once");
    this.#at = region.resolve(offset, Once.bytes(this.size), 8);
    this.#region = region;
    this.#mutex = new Mutex(memory, offset);
  }

  /** Whether it was made. */
  get isDone(): boolean {
    return this.#state !== 0;
  }

  /**
   * Returns the value, or makes it, or waits until another thread has made it, without blocking this
   * one. Each call returns a copy: what it does with it changes nothing for others.
   *
   * @param init Makes the value: what JSON keeps unchanged, a `Uint8Array`, or `undefined`; or a promise
   * for it. It must not ask for the same value. Another thread may have run another function.
   * @param options How long to wait for others; it does not limit the function.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {TypeError} If the value is none of these; it is not made then.
   * @throws {RangeError} If the value is longer than `size`; it is not made then.
   * @throws {SegmentFormatError} If the value is damaged.
   * @throws What the function throws; the next caller runs its own.
   */
  async get<T>(init: () => T | Promise<T>, options?: AcquireOptions): Promise<T> {
    const checked = this.#check(init, options);
    if (!this.isDone) {
      const guard = await this.#mutex.acquire(checked);
      try {
        if (!this.isDone) this.#publish(await init());
      } finally {
        guard.release();
      }
    }
    return this.#read() as T;
  }

  /**
   * The blocking version of {@linkcode get}.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {DeadlockError} If a function of this thread is making the value.
   * @throws {TypeError} If the value is a promise, or none that can be stored; it is not made then.
   * @throws {RangeError} If the value is longer than `size`; it is not made then.
   * @throws {SegmentFormatError} If the value is damaged.
   * @throws What the function throws; the next caller runs its own.
   */
  getSync<T>(init: () => T, options?: AcquireOptions): T {
    const checked = this.#check(init, options);
    if (!this.isDone) {
      const guard = this.#mutex.acquireSync(checked);
      try {
        if (!this.isDone) {
          const value = init();
          refuseThenable(value, TASK, "get");
          this.#publish(value);
        }
      } finally {
        guard.release();
      }
    }
    return this.#read() as T;
  }

  get #state(): number {
    return this.#region.atomics.load32(this.#at + ONCE.state);
  }

  #check(init: unknown, options: AcquireOptions | undefined): AcquireOptions {
    checkBody(init, TASK);
    const checked = checkAcquireOptions(options, TASK);
    checked.signal?.throwIfAborted();
    return checked;
  }

  /** Writes the value, and then the state, by which the others see it. */
  #publish(value: unknown): void {
    const { kind, bytes } = encode(value);
    if (bytes.length > this.size) {
      throw new RangeError(
        `Cannot ${TASK}: the value has ${bytes.length} bytes, and there is room for ${this.size}. ` +
          "Give all users a greater size",
      );
    }
    this.#bytes(bytes.length).set(bytes);
    this.#region.atomics.store32(this.#at + ONCE.state, bytes.length << SHIFT | kind);
  }

  #read(): unknown {
    const state = this.#state;
    const [kind, length] = [state & 3, state >>> SHIFT];
    if (kind === NOTHING) return undefined;
    if (length <= this.size) {
      const bytes = this.#bytes(length).slice(); // Not shared: a decoder refuses such bytes.
      if (kind === BYTES) return bytes;
      const value = kind === JSON_TEXT ? decodeJson(bytes) : undefined;
      if (value !== undefined) return value;
    }
    throw new SegmentFormatError(
      `Cannot ${TASK}: the value is damaged. Remove its name, and open it again`,
    );
  }

  #bytes(length: number): Uint8Array {
    return new Uint8Array(this.#region.buffer, this.#at + ONCE.value, length);
  }
}

/** Encodes a value, before anything is published. */
function encode(value: unknown): Encoded {
  if (value === undefined) return { kind: NOTHING, bytes: new Uint8Array() };
  if (isBytes(value)) return { kind: BYTES, bytes: value };
  return { kind: JSON_TEXT, bytes: encodeJson(value, TASK) };
}
