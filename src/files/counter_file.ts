import { Deadline } from "../contract/deadline.ts";
import type { AcquireOptions } from "../contract/options.ts";
import type { FileAccess } from "../runtime/files/file_access.ts";
import { wholeFiles } from "../runtime/files/whole_files.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";
import { type Change, READ, type TaskChange } from "./counter_changes.ts";
import { CounterText } from "./counter_text.ts";
import { GroupCommit } from "./group_commit.ts";
import { lockTimeoutMessage } from "./lock_owner.ts";
import { TrackedLockFile } from "./tracked_lock_file.ts";

/** The file of a counter: reads and changes the number in it under its lock. */
export class CounterFile {
  readonly path: string;
  /** Shares the syncs of a durable counter. */
  readonly commit: GroupCommit | undefined;

  readonly #text = new CounterText();
  readonly #tracked: TrackedLockFile;
  readonly #durable: boolean;
  /**
   * Whether each write of a durable counter has a sync of its own: no file is mapped on Windows.
   */
  readonly #syncsItself: boolean;
  #closed = false;

  /** Opens the file; makes it, with a 0, if it is missing. */
  constructor(path: string, editable: boolean, durable: boolean, access: FileAccess | undefined) {
    this.path = path;
    this.#durable = durable;
    if (wholeFiles.statusAt(path) === undefined) {
      wholeFiles.makeFile(path, this.#text.format(0, 0), access);
    }
    // A file that is removed later must not come back empty, without a number.
    this.#tracked = new TrackedLockFile(wholeFiles.absolutePath(path), {
      replaceable: editable,
      create: false,
    });
    try {
      if (this.#tracked.tryTake(true)) this.#readHeld();
      const mayWrite = this.#tracked.file.writable;
      this.#syncsItself = durable && this.#tracked.file.fd === undefined;
      this.commit = durable && mayWrite && !this.#syncsItself
        ? new GroupCommit(this.#tracked, access !== undefined)
        : undefined;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Reads the number under the shared lock. Blocks the thread. */
  readSync(options?: AcquireOptions): number {
    this.#take(true, options);
    return this.#readHeld();
  }

  /** Changes the number, syncs if the counter is durable, and returns the value before. */
  changeSync(
    change: Change,
    n: number,
    replacement: number,
    options: AcquireOptions | undefined,
  ): number {
    const { file } = this.#take(false, options);
    const { commit } = this;
    let before: number;
    let write = 0;
    try {
      this.#checkWritable(file);
      const length = file.read(this.#text.buffer, 0);
      before = this.#parse(file, length);
      const after = change(before, n, replacement);
      if (after !== before || this.#durable) {
        this.#write(file, this.#checked(after, n), length);
      }
      if (commit !== undefined) write = commit.written();
    } finally {
      this.#tracked.release();
    }
    commit?.await(write);
    return before;
  }

  /** The deadline of a wait for the lock that begins now. */
  deadline(options: AcquireOptions): Deadline {
    const describe = () => lockTimeoutMessage(this.#tracked.file);
    return new Deadline(options, describe, `count in ${quotePath(this.path)}`);
  }

  /**
   * Runs `body` under the lock: at once if it is free, else when it is granted.
   *
   * @param signal Ends the wait.
   */
  run(shared: boolean, body: () => void, signal: AbortSignal): void | Promise<void> {
    this.#checkOpen();
    return this.#tracked.run(shared, body, () => this.deadline({ signal }));
  }

  /** The same; blocks the thread meanwhile. */
  runSync(body: () => void): void {
    this.#take(false);
    try {
      body();
    } finally {
      this.#tracked.release();
    }
  }

  /**
   * Applies the changes of tasks in one write. The caller must hold the lock, exclusively unless
   * all of them are reads. A change that cannot be made is rejected at once, without the others.
   *
   * @returns The number of the write in {@linkcode commit}; `undefined` if no sync is needed.
   */
  apply(changes: readonly TaskChange[]): number | undefined {
    const { file } = this.#tracked;
    const length = file.read(this.#text.buffer, 0);
    const before = this.#parse(file, length);
    let value = before;
    let isRead = true;
    for (const task of changes) {
      try {
        if (task.change !== READ) this.#checkWritable(file);
        const after = this.#checked(task.change(value, task.n, task.replacement), task.n);
        task.result = task.wantsAfter ? after : value;
        value = after;
        if (task.change !== READ) isRead = false;
      } catch (error) {
        task.reject(error);
      }
    }
    if (isRead) return undefined;
    if (value !== before || this.#durable) this.#write(file, value, length);
    return this.commit?.written();
  }

  /** Closes the file. Closing twice does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.commit?.close();
    } finally {
      this.#tracked.close(this.#closedError());
    }
  }

  #closedError(): TypeError {
    return new TypeError(`Cannot use ${quotePath(this.path)}: it was closed`);
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closedError();
  }

  #checkWritable({ path, writable }: LockFile): void {
    // The file may have become writable since a durable counter was opened.
    if (writable && (this.commit !== undefined || this.#syncsItself || !this.#durable)) return;
    throw Object.assign(
      new Error(`Cannot count in ${quotePath(path)}: this user may only read the file (EACCES)`),
      { code: "EACCES", path },
    );
  }

  #take(shared: boolean, options?: AcquireOptions): TrackedLockFile {
    this.#checkOpen();
    this.#tracked.takeSync(shared, options === undefined ? undefined : this.deadline(options));
    return this.#tracked;
  }

  /** Reads the number, and releases the lock. */
  #readHeld(): number {
    const { file } = this.#tracked;
    try {
      return this.#parse(file, file.read(this.#text.buffer, 0));
    } finally {
      this.#tracked.release();
    }
  }

  #checked(after: number, n: number): number {
    if (Number.isSafeInteger(after)) return after + 0; // Never -0, which the file cannot hold.
    throw new RangeError(
      `Cannot add ${n} to ${quotePath(this.path)}: the sum would be beyond 2^53`,
    );
  }

  #write(file: LockFile, value: number, length: number): void {
    let text = this.#text.format(value, length);
    // Until a new length is on the storage, a loss of power may cut the text to the old one. So a
    // text that is longer by more than a newline is first made longer with the old number.
    if (this.#durable && text.length > length + 1) {
      const old = this.#text.parse(length)!;
      this.#writeText(file, this.#text.format(old, text.length), length);
      file.sync();
      text = this.#text.format(value, text.length);
    }
    this.#writeText(file, text, length);
    if (this.#syncsItself) file.sync();
  }

  /** Writes a text; if only a part of it can be written, the number in the file stays the same. */
  #writeText(file: LockFile, text: Uint8Array, length: number): void {
    try {
      file.write(text, 0);
    } catch (error) {
      try {
        file.write(this.#text.unchanged(length, text.length), 0);
      } catch {
        // As much as before can be written, which is the part that has changed.
      }
      throw error;
    }
  }

  #parse(file: LockFile, length: number): number {
    const number = this.#text.parse(length);
    if (number !== undefined) return number;
    const what = length === 0 ? "it is empty" : `it begins with ${this.#text.excerpt(length)}`;
    throw new SyntaxError(
      `Cannot count in ${
        quotePath(file.path)
      }: ${what}, not with a whole number. The file is unchanged: ` +
        "write a number into it, or remove it to begin at 0",
    );
  }
}
