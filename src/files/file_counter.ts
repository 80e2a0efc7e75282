import type { Counter } from "../contract/counter.ts";
import { inodeOf } from "../runtime/files.ts";
import { makeFile, syncFolder } from "../runtime/durable.ts";
import { makeFolders } from "../runtime/native_lock_file.ts";
import type { LockFile } from "../runtime/lock_file.ts";
import { CounterBatch } from "./counter_batch.ts";
import { CounterText } from "./counter_text.ts";
import { GroupCommit } from "./group_commit.ts";
import { Handle } from "./handle.ts";

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
   * file beside the counter, `PATH.commit`.
   *
   * @default {false}
   */
  durable?: boolean;
}

const FOREVER = { deadline: Infinity, signal: undefined };

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
  readonly #editable: boolean;
  readonly #commit: GroupCommit | undefined;
  readonly #handle: Handle;
  #closed = false;
  /** The open file whose name is known to be on the storage. */
  #named: LockFile | undefined;

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
    this.#editable = editable || durable;
    if (inodeOf(path) === undefined) {
      makeFolders(path);
      makeFile(path, this.#text.buffer.subarray(0, this.#text.format(0, 0)));
    }
    this.#handle = new Handle(path, undefined, false); // An empty one would be no number.
    try {
      if (!this.#handle.file.writable) {
        throw Object.assign(new Error(`Cannot count in "${path}": it may not be written to`), {
          code: "EACCES",
          path,
        });
      }
      void this.value;
      this.#commit = durable ? new GroupCommit(`${path}.commit`) : undefined;
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
    if (!Number.isSafeInteger(n)) {
      throw new TypeError(`Cannot add to "${this.path}": it must be a whole number: ${String(n)}`);
    }
    this.#change(n, true);
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
    this.#change(value, false);
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

  /** Closes the file. Closing twice does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#commit?.close();
    this.#handle.close(new TypeError(`Cannot use "${this.path}": it was closed`));
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #take(shared: boolean): Handle {
    if (this.#closed) throw new TypeError(`Cannot use "${this.path}": it was closed`);
    if (this.#editable || shared) this.#handle.takeSync(shared, FOREVER);
    else this.#handle.takeFast();
    return this.#handle;
  }

  #change(n: number, relative: boolean): void {
    const { file } = this.#take(false);
    let number = 0;
    try {
      const length = file.read(this.#text.buffer, 0);
      const sum = this.#read(file, length) * (relative ? 1 : 0) + n;
      if (!Number.isSafeInteger(sum)) {
        throw new RangeError(
          `Cannot add ${n} to "${this.path}": a number is exact up to 2^53 only`,
        );
      }
      // Counted first: where there is no space for that, nothing is added.
      if (this.#commit !== undefined) number = this.#commit.written();
      this.#write(file, sum, length);
    } finally {
      this.#handle.giveBack();
    }
    this.#commit?.await(number, () => this.#sync(), (body) => this.#locked(body));
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

  #sync(): void {
    const { file } = this.#handle;
    file.sync();
    if (this.#named === file) return;
    // New, or put there by an editor: its name has to be on the storage, too.
    syncFolder(this.path);
    this.#named = file;
  }

  #locked(body: () => void): void {
    this.#take(false);
    try {
      body();
    } finally {
      this.#handle.giveBack();
    }
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
