import type { Counter } from "../contract/counter.ts";
import { inodeOf } from "../runtime/files.ts";
import { makeFile } from "../runtime/durable.ts";
import { absolutePath, makeFolders } from "../runtime/native_lock_file.ts";
import type { LockFile } from "../runtime/lock_file.ts";
import { CounterBatch } from "./counter_batch.ts";
import { CounterTasks, type TaskAdd } from "./counter_tasks.ts";
import { CounterText } from "./counter_text.ts";
import { GroupCommit } from "./group_commit.ts";
import { Handle } from "./handle.ts";
import { FOREVER } from "./patience.ts";

/** How a {@linkcode FileCounter} is to be. */
export interface FileCounterOptions {
  /**
   * Whether a file that an editor has put in the place of the last is noticed at once; `false`
   * notices it within 10 ms, and spares a look at the path.
   *
   * @default {true}
   */
  editable?: boolean;
  /**
   * Whether `add` and `set` return when the number is on the storage (fdatasync(2)), so that it
   * survives a loss of power. Those that add at the same time share one sync, by way of a small
   * file beside the counter, `PATH.commit`, which they map: nobody may make that one shorter while
   * it is in use.
   *
   * @default {false}
   */
  durable?: boolean;
}

/**
 * A number in a text file (`123` and a newline) that any process adds to, and that people can read
 * and edit. Each add is one write under flock(2), never shorter than the text before it, so a
 * process that is killed at any instant leaves the number before or after. What is no number is an
 * error, and the file is left as it is: the counter never begins again by itself. If the file is
 * removed meanwhile, that is an error (`ENOENT`) until somebody opens a counter there anew.
 *
 * @example
 * ```ts
 * import { FileCounter } from "@interlock/interlock";
 *
 * using counter = new FileCounter("/tmp/interlock-example/visits.txt");
 * counter.add();
 * counter.add(-1);
 * console.log(counter.value); // 0 where the file was new.
 * await Promise.all([1, 2, 3].map((n) => counter.addAsync(n))); // One write for all.
 * {
 *   using batch = counter.batch(1000); // One write for up to 1000 adds.
 *   for (let i = 0; i < 5000; i++) batch.add();
 * }
 * ```
 */
export class FileCounter implements Counter, Disposable {
  /** The file. */
  readonly path: string;

  readonly #text = new CounterText();
  readonly #commit: GroupCommit | undefined;
  readonly #handle: Handle;
  #closed = false;
  #tasks: CounterTasks | undefined;

  /**
   * Opens the file; makes it, with a 0, and its folders where they are missing.
   *
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
   * @throws {TypeError} If it is not a regular file.
   * @throws {SyntaxError} If no number is in it.
   * @throws {Error} With the `code` of the system: no permission to write, no space.
   */
  constructor(path: string, options: FileCounterOptions = {}) {
    const { editable = true, durable = false } = options;
    for (const [name, value] of Object.entries({ editable, durable })) {
      if (typeof value === "boolean") continue;
      throw new TypeError(`Cannot make a counter: ${name} must be true or false: ${typeof value}`);
    }
    this.path = path;
    if (inodeOf(path) === undefined) {
      makeFolders(path);
      makeFile(path, this.#text.buffer.subarray(0, this.#text.format(0, 0)));
    }
    // One that is missing later is none that has come to be empty: it would be no number.
    this.#handle = new Handle(absolutePath(path), { replaceable: editable, create: false });
    try {
      if (!this.#handle.file.writable) {
        throw Object.assign(new Error(`Cannot count in "${path}": it may not be written to`), {
          code: "EACCES",
          path,
        });
      }
      void this.value;
      this.#commit = durable ? new GroupCommit(this.#handle) : undefined;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Adds `n` by one write under the lock. Blocks the thread for as long as others are at it. A
   * durable counter returns when the sum is on the storage; if it throws the error of that, the
   * sum may be there or not.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number that a number holds exactly.
   * @throws {SyntaxError} If no number is in the file.
   * @throws {RangeError} If the sum would leave the exact range; the file is unchanged.
   */
  add(n = 1): void {
    this.#checkAddend(n);
    const number = this.#change((value) => this.#sum(value, n));
    this.#commit?.await(number);
  }

  /**
   * Adds `n` for one of many tasks: those that add at the same time are written together, and
   * share one sync if the counter is durable, which a helper thread waits for meanwhile. The
   * promise is resolved when {@linkcode add} would have returned. Blocks the thread only as long
   * as another process writes a number.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number that a number holds exactly.
   * @throws {SyntaxError} If no number is in the file.
   * @throws {RangeError} If the sum would leave the exact range; this addend is left out.
   */
  async addAsync(n = 1): Promise<void> {
    this.#checkAddend(n);
    this.#checkOpen();
    this.#tasks ??= new CounterTasks((adds) => this.#addAll(adds), this.#commit);
    await this.#tasks.add(n);
  }

  /** The number now. */
  get value(): number {
    const { file } = this.#take(true);
    try {
      return this.#read(file, file.read(this.#text.buffer, 0));
    } finally {
      this.#handle.giveBack();
    }
  }

  /**
   * Writes a number in the place of the present one.
   *
   * @throws {TypeError} If it is not a whole number that a number holds exactly.
   * @throws {SyntaxError} If no number is in the file.
   */
  set(value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw new TypeError(
        `Cannot set "${this.path}": it must be a whole number: ${String(value)}`,
      );
    }
    const number = this.#change(() => value);
    this.#commit?.await(number);
  }

  /**
   * Adds that are collected in this process and written together, for throughput. What is not
   * written yet is lost with the process.
   *
   * @param size After how many adds they are written. Default: 1000.
   */
  batch(size = 1000): CounterBatch {
    return new CounterBatch(this, size);
  }

  /** Closes the file, when what tasks have added is written, and synced. Closing twice does nothing. */
  close(): void {
    if (this.#closed) return;
    try {
      this.#tasks?.finish();
    } finally {
      this.#closed = true;
      try {
        this.#commit?.close();
      } finally {
        this.#handle.close(new TypeError(`Cannot use "${this.path}": it was closed`));
      }
    }
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw new TypeError(`Cannot use "${this.path}": it was closed`);
  }

  #checkAddend(n: number): void {
    if (Number.isSafeInteger(n)) return;
    throw new TypeError(`Cannot add to "${this.path}": it must be a whole number: ${String(n)}`);
  }

  #take(shared: boolean): Handle {
    this.#checkOpen();
    this.#handle.takeSync(shared, FOREVER);
    return this.#handle;
  }

  #sum(value: number, n: number): number {
    const sum = value + n;
    if (Number.isSafeInteger(sum)) return sum;
    throw new RangeError(`Cannot add ${n} to "${this.path}": a number is exact up to 2^53 only`);
  }

  /** Writes what becomes of the number. The number of the write, for who shares syncs. */
  #change(change: (value: number) => number): number {
    const { file } = this.#take(false);
    try {
      const length = file.read(this.#text.buffer, 0);
      this.#write(file, change(this.#read(file, length)), length);
      return this.#commit?.written() ?? 0;
    } finally {
      this.#handle.giveBack();
    }
  }

  #addAll(adds: readonly TaskAdd[]): number {
    return this.#change((value) => {
      for (const add of adds) {
        try {
          value = this.#sum(value, add.n);
        } catch (error) {
          add.reject(error);
        }
      }
      return value;
    });
  }

  #write(file: LockFile, sum: number, length: number): void {
    const { buffer } = this.#text;
    if (this.#commit !== undefined) {
      // More than a byte longer: until the length is on the storage, only what reads the same
      // when it is cut off may be.
      const longer = String(sum).length + 1;
      if (longer > length + 1) {
        const old = this.#text.parse(length)!;
        file.write(buffer.subarray(0, this.#text.format(old, longer)), 0);
        file.sync();
        length = longer;
      }
    }
    file.write(buffer.subarray(0, this.#text.format(sum, length)), 0);
  }

  #read(file: LockFile, length: number): number {
    const number = this.#text.parse(length);
    if (number !== undefined) return number;
    const what = length === 0 ? "it is empty" : `it begins with ${this.#text.excerpt(length)}`;
    throw new SyntaxError(
      `Cannot count in "${file.path}": ${what}, where a whole number must be. The file is left ` +
        "as it is: write a number into it, or remove it to begin at 0",
    );
  }
}
