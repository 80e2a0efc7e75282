import { checkFileAccess, type FileAccessOptions } from "../contract/file_access.ts";
import { type AcquireOptions, nameOf } from "../contract/options.ts";
import type { PathLike } from "../contract/path_like.ts";
import { dispose, type PlatformDisposable } from "../contract/platform.ts";
import { type JsonTextError, parseJson } from "../contract/json_text.ts";
import { quoteText } from "../contract/printable.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import { type FileAccess, fileAccessBy } from "../runtime/files/file_access.ts";
import { wholeFiles } from "../runtime/files/whole_files.ts";
import { filePathFrom } from "../runtime/paths/path_like.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";
import { holding, refuseDeadlock } from "./async_holds.ts";
import { closeIfDropped, wasClosed } from "./dropped.ts";
import { FileHolds } from "./file_holds.ts";
import { checkBoolean, checkFunction, checkObject } from "./file_lock_options.ts";
import { checkJson } from "../contract/json_value.ts";

/** Checks documents, such as a schema of zod. */
export interface JsonSchema<T> {
  /** Returns `input` as a document, or throws. */
  parse(input: unknown): T;
}

/** Options for {@linkcode JsonFile}. */
export interface JsonFileOptions<T> extends FileAccessOptions {
  /** Checks each document that is read or written. Default: every document is allowed. */
  schema?: JsonSchema<T>;
  /** The document to use if the file is missing. Default: a missing file is an error. */
  initial?: T;
  /**
   * Whether a document is on the storage when a write is done (fdatasync(2)), so that it survives a
   * loss of power.
   *
   * @default {true}
   */
  durable?: boolean;
  /**
   * What each level of the text is indented by, as in `JSON.stringify`: a number of spaces or a
   * text of white space, at most 10; 0 for a document in one line.
   *
   * @default {2}
   */
  indent?: number | string;
}

/** `JSON.stringify` takes no more. */
const MOST_INDENT = 10;
const encoder = new TextEncoder();
// A byte order mark, which some editors put before the text, is skipped.
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * A JSON document that many processes read and change. A write is made under a lock, on the file
 * `PATH.lock` beside it, and replaces the document in one step: a reader sees the document before
 * or after it, also after a crash. An unreadable file is an error, and is not changed.
 *
 * A symbolic link is followed once, when the object is made: the file that it leads to is read and
 * replaced, and the lock is beside that file. A write keeps the group and the permissions of the
 * file, or throws. It keeps the owner, too, unless another user who may write to the file replaces
 * it; in a folder with the sticky bit, such as `/tmp`, the system lets only the owner do that. It
 * keeps no access control list and no other hard links. A user that may only read the file can read
 * it.
 *
 * Each operation has a blocking twin with the ending `Sync`.
 *
 * @example
 * ```ts
 * import { JsonFile } from "@interlock/interlock";
 *
 * using jobs = new JsonFile("/tmp/interlock-jobs.json", { initial: { done: 0 } });
 * const { done } = await jobs.update((document) => ({ done: document.done + 1 }), { timeout: 5000 });
 * console.log(done, (await jobs.read()).done);
 * ```
 *
 * @typeParam T The document.
 */
export class JsonFile<T> implements PlatformDisposable {
  /** The file, as it was given to the constructor. */
  readonly path: string;

  readonly #quoted: string;
  /** Its absolute path without links: it does not depend on the working directory. */
  readonly #file: string;
  readonly #access: FileAccess | undefined;
  /** Opened by the first write: a reader may not be allowed to make the lock file. */
  #holds: FileHolds | undefined;
  #closed = false;
  readonly #schema: JsonSchema<T> | undefined;
  readonly #initial: T | undefined;
  readonly #durable: boolean;
  readonly #indent: number | string;
  /** False if a writer may have been killed, so that its new file may still be there. */
  #swept = false;

  /**
   * Finds the file, which each operation opens. The first write opens the lock beside it.
   *
   * @throws {TypeError} If JSON cannot carry the initial document, the path is not that of a
   * regular file, or an option has a wrong type.
   * @throws {RangeError} If the mode or the group is out of bounds.
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
   * @throws {Error} With the `code` of the system: no permission. Or if there is no such group.
   */
  constructor(path: PathLike, options: JsonFileOptions<T> = {}) {
    checkOptions(options);
    this.path = filePathFrom(path);
    this.#quoted = quotePath(this.path);
    if (options.initial !== undefined) checkJson(options.initial, `begin ${this.#quoted}`);
    this.#file = wholeFiles.realPath(this.path);
    this.#schema = options.schema;
    this.#initial = options.initial;
    this.#durable = options.durable ?? true;
    this.#indent = options.indent ?? 2;
    checkFile(this.#file, this.path); // Before a lock file is made beside it.
    this.#access = fileAccessBy(options, "open a document");
  }

  /**
   * Reads the document. It takes no lock, since a file is replaced in one step, so it does not wait
   * for writers; the file is read at once, before the promise is returned.
   *
   * @throws {SyntaxError} If the file is not JSON.
   * @throws What the schema throws.
   */
  // deno-lint-ignore require-await -- An error rejects the promise.
  async read(): Promise<T> {
    return this.readSync();
  }

  /** The blocking version of {@linkcode JsonFile.read}. */
  readSync(): T {
    const contents = wholeFiles.readFile(this.#file);
    if (contents === undefined) {
      if (this.#initial !== undefined) return structuredClone(this.#initial);
      throw Object.assign(new Error(`Cannot read ${this.#quoted}: there is no such file`), {
        code: "ENOENT",
        path: this.path,
      });
    }
    return this.#check(this.#parse(contents));
  }

  /**
   * Replaces the document under the lock, whatever it was before.
   *
   * @returns The new document, as `read` returns it.
   * @throws What {@linkcode JsonFile.update} throws, except the errors of `change` and `read`.
   */
  async write(document: T, options?: AcquireOptions): Promise<T> {
    refuseDeadlock(this.#file, options);
    using guard = await this.#lock.acquire(options);
    if (guard.recovered) this.#swept = false;
    return this.#replace(document);
  }

  /** The blocking version of {@linkcode JsonFile.write}. */
  writeSync(document: T, options?: AcquireOptions): T {
    using guard = this.#lock.acquireSync(options);
    if (guard.recovered) this.#swept = false;
    return this.#replace(document);
  }

  /**
   * Reads the document under the lock, and writes the document that `change` returns, or resolves
   * to.
   *
   * @returns The new document, as `read` returns it.
   * @throws {DOMException} Named `TimeoutError`, if the lock was not acquired in time.
   * @throws {DeadlockError} If a change of the same document made this call, with neither a timeout
   * nor a signal: the two would wait for each other.
   * @throws {TypeError} If JSON would change or drop a part of the document: `undefined`, `NaN`, a
   * `Date`, a `Map`, an object of a class. The file is unchanged.
   * @throws What `read` throws, what `change` throws, what the schema throws; the file is
   * unchanged.
   */
  async update(change: (document: T) => T | Promise<T>, options?: AcquireOptions): Promise<T> {
    checkFunction(change, "the change", `update ${this.#quoted}`);
    refuseDeadlock(this.#file, options);
    using guard = await this.#lock.acquire(options);
    if (guard.recovered) this.#swept = false;
    return this.#replace(await holding(this.#file, () => change(this.readSync())));
  }

  /**
   * The blocking version of {@linkcode JsonFile.update}.
   *
   * @throws {TypeError} If `change` returns a promise.
   */
  updateSync(change: (document: T) => T, options?: AcquireOptions): T {
    checkFunction(change, "the change", `update ${this.#quoted}`);
    using guard = this.#lock.acquireSync(options);
    if (guard.recovered) this.#swept = false;
    const document = change(this.readSync());
    refuseThenable(document, `write ${this.#quoted}`, "update");
    return this.#replace(document);
  }

  /** Closes the lock. Closing twice does nothing. */
  close(): void {
    this.#closed = true;
    wasClosed(this);
    this.#holds?.close();
  }

  /** The same as {@linkcode close}. */
  [dispose](): void {
    this.close();
  }

  get #lock(): FileHolds {
    if (this.#closed) throw new TypeError(`Cannot write ${this.#quoted}: it was closed`);
    if (this.#holds === undefined) {
      this.#holds = new FileHolds(`${this.#file}.lock`, {}, this.#access);
      closeIfDropped(this, this.#holds);
    }
    return this.#holds;
  }

  #parse(contents: Uint8Array): unknown {
    let text: string | undefined;
    try {
      text = decoder.decode(contents);
      return parseJson(text);
    } catch (error) {
      const what = text === undefined
        ? "it is not UTF-8"
        : text.trim() === ""
        ? "it is empty"
        : (error as JsonTextError).message;
      throw new SyntaxError(`Cannot read ${this.#quoted}: ${what}. The file is unchanged`);
    }
  }

  #check(document: unknown): T {
    return this.#schema === undefined ? document as T : this.#schema.parse(document);
  }

  /** Replaces the file; the caller must hold the lock. */
  #replace(document: T): T {
    const checked = this.#check(document);
    checkJson(checked, `write ${this.#quoted}`);
    const text = JSON.stringify(checked, null, this.#indent);
    const written = this.#check(JSON.parse(text));
    if (this.#holds?.mode !== "exclusive") {
      throw new TypeError(`Cannot write ${this.#quoted}: it was closed meanwhile`);
    }
    if (!this.#swept) wholeFiles.removeLeftovers(this.#file);
    this.#swept = true;
    wholeFiles.replaceFile(this.#file, encoder.encode(`${text}\n`), this.#durable, this.#access);
    return written;
  }
}

function checkOptions(options: JsonFileOptions<unknown>): void {
  const task = "open a document";
  checkObject(options, "options", task);
  checkBoolean(options.durable, "durable", task);
  checkIndent(options.indent, task);
  checkFileAccess(options, task);
  if (options.schema === undefined) return;
  checkObject(options.schema, "schema", task);
  checkFunction(options.schema.parse, "schema.parse", task);
}

/** Throws if text of the document would be cut, or would be no JSON. */
function checkIndent(indent: unknown, task: string): void {
  if (indent === undefined) return;
  if (typeof indent !== "number" && typeof indent !== "string") {
    throw new TypeError(`Cannot ${task}: indent must be a number or a text, not ${nameOf(indent)}`);
  }
  const isUsable = typeof indent === "number"
    ? Number.isInteger(indent) && indent >= 0 && indent <= MOST_INDENT
    : /^[ \t\n\r]*$/.test(indent) && indent.length <= MOST_INDENT;
  if (isUsable) return;
  throw new RangeError(
    `Cannot ${task}: indent must be a number from 0 to ${MOST_INDENT}, or as many spaces and tabs ` +
      `(given ${typeof indent === "number" ? indent : quoteText(indent)})`,
  );
}

/** Throws if a path leads to something that is not a regular file. */
function checkFile(file: string, path: string): void {
  const found = wholeFiles.statusAt(file);
  if (found === undefined || found.isFile) return;
  const what = found.isFolder ? "a directory" : "a pipe, a socket or a device";
  throw new TypeError(`Cannot use ${quotePath(path)}: it is ${what}, not a regular file`);
}
