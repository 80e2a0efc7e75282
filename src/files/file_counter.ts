import type { AsyncExchangeCounter } from "../contract/async_counter.ts";
import { checkFileAccess, type FileAccessOptions } from "../contract/file_access.ts";
import { type AcquireOptions, nameOf } from "../contract/options.ts";
import type { PathLike } from "../contract/path_like.ts";
import { dispose, type PlatformDisposable } from "../contract/platform.ts";
import { fileAccessBy } from "../runtime/files/file_access.ts";
import { filePathFrom } from "../runtime/paths/path_like.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";
import { CounterBatch, CounterBatchSync } from "./counter_batch.ts";
import { ADD, MAX, MIN, READ, REPLACE, SET } from "./counter_changes.ts";
import { CounterFile } from "./counter_file.ts";
import { CounterTasks } from "./counter_tasks.ts";
import { closeIfDropped, wasClosed } from "./dropped.ts";
import { checkBoolean, checkObject } from "./file_lock_options.ts";

/** Options for {@linkcode FileCounter}. */
export interface FileCounterOptions extends FileAccessOptions {
  /**
   * Whether a file that an editor has put in place of the last one is noticed at once. `false`
   * notices it within 10 ms, and saves a look at the path.
   *
   * @default {true}
   */
  editable?: boolean;
  /**
   * Whether a change returns when the number is on the storage (fdatasync(2)), so that it survives
   * a loss of power. Changes made at the same time share one sync, by a small file beside the
   * counter, `PATH.commit`, which all of them map: it must not be truncated while it is in use.
   * On Windows, each change is synced by itself (`FlushFileBuffers`).
   *
   * @default {false}
   */
  durable?: boolean;
}

/**
 * A number in a text file (`123` and a newline) that any process changes, and that people can read
 * and edit.
 *
 * Each change is one write under flock(2), never shorter than the text before it, so a process that
 * is killed at any instant leaves the number before or after. If the file holds anything but a
 * number, that is an error and the file is not changed: the counter never starts again by itself.
 * If the file is removed later, that is an error (`ENOENT`) until a new counter makes it again. A
 * user that may only read the file can read the number.
 *
 * Each operation takes a `timeout` and a `signal` for the wait for the lock, and has a blocking
 * twin with the ending `Sync`. The asynchronous operations of one object are made in the order of
 * the calls. Those of many tasks at the same time share one write, and one sync if the counter is
 * durable; a helper thread waits for that sync. They block the thread for no longer than the write
 * takes. A promise of `add` is resolved when `addSync` would return.
 *
 * @example
 * ```ts
 * import { FileCounter } from "@interlock/interlock";
 *
 * using counter = new FileCounter("/tmp/interlock-example/visits.txt");
 * console.log(await counter.add()); // 1 if the file was new.
 * await Promise.all([1, 2, 3].map((n) => counter.add(n))); // One write for all.
 * console.log(counter.addSync(-6), await counter.get());
 * {
 *   await using batch = counter.batch(1000); // One write for up to 1000 adds.
 *   for (let i = 0; i < 5000; i++) batch.add();
 * }
 * ```
 */
export class FileCounter implements AsyncExchangeCounter, PlatformDisposable {
  /** The file. */
  readonly path: string;

  readonly #file: CounterFile;
  readonly #tasks: CounterTasks;
  #closed = false;

  /**
   * Opens the file; makes it, with a 0, and its folders if they are missing. Does not wait for the
   * lock: if another process holds it, the first operation checks the number.
   *
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
   * @throws {TypeError} If the path is not that of a regular file, or an option has a wrong type.
   * @throws {RangeError} If the mode or the group is out of bounds.
   * @throws {SyntaxError} If the file does not hold a number.
   * @throws {Error} With the `code` of the system: no permission to read, no space; a group that
   * this user is not in (`EPERM`). Or if there is no such group.
   */
  constructor(path: PathLike, options: FileCounterOptions = {}) {
    checkObject(options, "options", "make a counter");
    const { editable = true, durable = false } = options;
    checkBoolean(editable, "editable", "make a counter");
    checkBoolean(durable, "durable", "make a counter");
    checkFileAccess(options, "make a counter");
    this.path = filePathFrom(path);
    const access = fileAccessBy(options, "make a counter");
    this.#file = new CounterFile(this.path, editable, durable, access);
    this.#tasks = new CounterTasks(this.#file);
    closeIfDropped(this, this.#tasks);
  }

  /**
   * Adds `n`. A durable counter resolves when the sum is on the storage. If the sum was written,
   * and only that failed, the error has `mayHaveHappened: true`: do not add again.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @returns The value after this add.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {SyntaxError} If the file does not hold a number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; this add alone is not made.
   * @throws {DOMException} Named `TimeoutError`, if another process held the lock for too long. The
   * time ends with the write: a durable counter waits for the sync as long as it takes.
   * @throws {Error} With the `code` `EACCES`, if this user may only read the file.
   */
  add(n = 1, options?: AcquireOptions): Promise<number> {
    return this.#flaw("add", n) ?? this.#tasks.change(ADD, n, 0, true, options);
  }

  /** The blocking version of {@linkcode FileCounter.add}. */
  addSync(n = 1, options?: AcquireOptions): number {
    this.#check("add", n);
    return this.#file.changeSync(ADD, n, 0, options) + n;
  }

  /**
   * Reads the number.
   *
   * @throws {SyntaxError} If the file does not hold a number.
   */
  get(options?: AcquireOptions): Promise<number> {
    return this.#tasks.change(READ, 0, 0, false, options);
  }

  /** The blocking version of {@linkcode FileCounter.get}. */
  getSync(options?: AcquireOptions): number {
    return this.#file.readSync(options);
  }

  /**
   * Sets the counter to `n`.
   *
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` is beyond 2^53; the value is unchanged.
   * @throws {SyntaxError} If the file does not hold a number.
   */
  async set(n: number, options?: AcquireOptions): Promise<void> {
    await this.exchange(n, options);
  }

  /** The blocking version of {@linkcode FileCounter.set}. */
  setSync(n: number, options?: AcquireOptions): void {
    this.exchangeSync(n, options);
  }

  /**
   * Adds `n`. The same as {@linkcode FileCounter.add}, except for the result.
   *
   * @returns The value before.
   */
  fetchAdd(n = 1, options?: AcquireOptions): Promise<number> {
    return this.#flaw("add", n) ?? this.#tasks.change(ADD, n, 0, false, options);
  }

  /** The blocking version of {@linkcode FileCounter.fetchAdd}. */
  fetchAddSync(n = 1, options?: AcquireOptions): number {
    this.#check("add", n);
    return this.#file.changeSync(ADD, n, 0, options);
  }

  /**
   * Sets the counter to `n` if `n` is less than the value, in one step.
   *
   * @returns The value before.
   * @throws What {@linkcode FileCounter.set} throws.
   */
  fetchMin(n: number, options?: AcquireOptions): Promise<number> {
    return this.#flaw("set", n) ?? this.#tasks.change(MIN, n, 0, false, options);
  }

  /** The blocking version of {@linkcode FileCounter.fetchMin}. */
  fetchMinSync(n: number, options?: AcquireOptions): number {
    this.#check("set", n);
    return this.#file.changeSync(MIN, n, 0, options);
  }

  /**
   * Sets the counter to `n` if `n` is greater than the value, in one step.
   *
   * @returns The value before.
   * @throws What {@linkcode FileCounter.set} throws.
   */
  fetchMax(n: number, options?: AcquireOptions): Promise<number> {
    return this.#flaw("set", n) ?? this.#tasks.change(MAX, n, 0, false, options);
  }

  /** The blocking version of {@linkcode FileCounter.fetchMax}. */
  fetchMaxSync(n: number, options?: AcquireOptions): number {
    this.#check("set", n);
    return this.#file.changeSync(MAX, n, 0, options);
  }

  /**
   * Sets the counter to `n`, in one step with reading the value before.
   *
   * @returns The value before.
   * @throws What {@linkcode FileCounter.set} throws.
   */
  exchange(n: number, options?: AcquireOptions): Promise<number> {
    return this.#flaw("set", n) ?? this.#tasks.change(SET, n, 0, false, options);
  }

  /** The blocking version of {@linkcode FileCounter.exchange}. */
  exchangeSync(n: number, options?: AcquireOptions): number {
    this.#check("set", n);
    return this.#file.changeSync(SET, n, 0, options);
  }

  /**
   * Sets the counter to `value` if it is `expected`, in one step.
   *
   * @returns The value before: `expected` if the counter was set.
   * @throws What {@linkcode FileCounter.set} throws.
   */
  compareExchange(expected: number, value: number, options?: AcquireOptions): Promise<number> {
    return this.#flaw("set", expected) ?? this.#flaw("set", value) ??
      this.#tasks.change(REPLACE, expected, value, false, options);
  }

  /** The blocking version of {@linkcode FileCounter.compareExchange}. */
  compareExchangeSync(expected: number, value: number, options?: AcquireOptions): number {
    this.#check("set", expected);
    this.#check("set", value);
    return this.#file.changeSync(REPLACE, expected, value, options);
  }

  /**
   * Makes a batch: its adds are collected in this process and written together, for throughput.
   * Adds that are not written yet are lost if the process dies.
   *
   * @param size The number of adds after which they are written. Default: 1000.
   */
  batch(size = 1000): CounterBatch {
    return new CounterBatch(this, size);
  }

  /** The blocking version of {@linkcode FileCounter.batch}. */
  batchSync(size = 1000): CounterBatchSync {
    return new CounterBatchSync(this, size);
  }

  /**
   * Closes the file, after it has written and synced the changes of tasks; blocks the thread for
   * that. Closing twice does nothing.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    wasClosed(this);
    this.#tasks.close();
  }

  /** The same as {@linkcode FileCounter.close}. */
  [dispose](): void {
    this.close();
  }

  #check(task: "add" | "set", n: number): void {
    if (!Number.isSafeInteger(n)) throw this.#errorOf(task, n);
  }

  /** A rejection if `n` cannot be counted with. */
  #flaw(task: "add" | "set", n: number): Promise<never> | undefined {
    return Number.isSafeInteger(n) ? undefined : Promise.reject(this.#errorOf(task, n));
  }

  #errorOf(task: "add" | "set", n: number): Error {
    const what = task === "add" ? `add to ${quotePath(this.path)}` : `set ${quotePath(this.path)}`;
    return Number.isInteger(n)
      ? new RangeError(`Cannot ${what}: ${n} is beyond 2^53`)
      : new TypeError(`Cannot ${what}: it takes whole numbers, not ${nameOf(n)}`);
  }
}
