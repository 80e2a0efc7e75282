import type { AcquireOptions } from "../contract/options.ts";
import { readFile, removeLeftovers, replaceFile } from "../runtime/durable.ts";
import { statusAt } from "../runtime/files.ts";
import { realPath } from "../runtime/real_path.ts";
import { holding, refuseDeadlock } from "./async_holds.ts";
import { FileLock } from "./file_lock.ts";
import { checkJson } from "./json_value.ts";

/** What checks a document, such as a schema of zod: returns it, or throws. */
export interface JsonSchema<T> {
  /** The document that `input` is. */
  parse(input: unknown): T;
}

/** How a {@linkcode JsonFile} is to be. */
export interface JsonFileOptions<T> {
  /** Checks what was read and what is to be written. Default: anything goes. */
  schema?: JsonSchema<T>;
  /** The document of a file that is missing. Default: it is an error that it is. */
  initial?: T;
  /**
   * Whether a document is on the storage when `update` is done (fdatasync(2)), so that it survives
   * a loss of power.
   *
   * @default {true}
   */
  durable?: boolean;
}

const encoder = new TextEncoder();
// A byte order mark, which some editors put before the text, is skipped.
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * A JSON document that many processes read and change. A change is made under a lock, on a file
 * `PATH.lock` beside it, and replaces the file in one step: who reads sees the document before or
 * after, and so does who comes after a crash. An unreadable file is an error, and is left as it is.
 *
 * A symbolic link is followed once, when the object is made: the file that it leads to is read and
 * replaced, and the lock is beside that file. An update keeps the owner, the group and the
 * permissions of the file, or throws; it keeps no access control list and no other hard links.
 *
 * @example
 * ```ts
 * import { JsonFile } from "@interlock/interlock";
 *
 * using jobs = new JsonFile("/tmp/interlock-jobs.json", { initial: { done: 0 } });
 * const { done } = await jobs.update((document) => ({ done: document.done + 1 }), { timeout: 5000 });
 * console.log(done, jobs.read().done);
 * ```
 *
 * @typeParam T The document.
 */
export class JsonFile<T> implements Disposable {
  /** The file, as the constructor was given it. */
  readonly path: string;

  /** Its absolute path, links resolved: it does not depend on the working directory. */
  readonly #file: string;
  readonly #lock: FileLock;
  readonly #schema: JsonSchema<T> | undefined;
  readonly #initial: T | undefined;
  readonly #durable: boolean;
  /** Whether files that killed writers left behind were looked for since the last of them. */
  #swept = false;

  /**
   * Opens the lock beside the file; the file itself is opened by each read and update.
   *
   * @throws {TypeError} If JSON cannot carry the initial document, or the file is not a regular file.
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
   * @throws {Error} With the `code` of the system: no permission, no space.
   */
  constructor(path: string, options: JsonFileOptions<T> = {}) {
    if (options.initial !== undefined) checkJson(options.initial, `begin "${path}"`);
    this.path = path;
    this.#file = realPath(path);
    this.#schema = options.schema;
    this.#initial = options.initial;
    this.#durable = options.durable ?? true;
    checkFile(this.#file, path); // Before a lock file is made beside it.
    this.#lock = new FileLock(`${this.#file}.lock`);
  }

  /**
   * The document now, without a lock: a file is replaced in one step.
   *
   * @throws {SyntaxError} If the file is no JSON.
   * @throws What the schema throws.
   */
  read(): T {
    const contents = readFile(this.#file);
    if (contents === undefined) {
      if (this.#initial !== undefined) return structuredClone(this.#initial);
      throw Object.assign(new Error(`Cannot read "${this.path}": there is no such file`), {
        code: "ENOENT",
        path: this.path,
      });
    }
    let document: unknown;
    try {
      document = JSON.parse(decoder.decode(contents));
    } catch (error) {
      throw new SyntaxError(
        `Cannot read "${this.path}": it is no JSON, and is left as it is: ${
          (error as Error).message
        }`,
        { cause: error },
      );
    }
    return this.#check(document);
  }

  /**
   * Reads the document under the lock, and writes what `change` makes of it, which may be a promise.
   *
   * @returns The new document, as `read` returns it.
   * @throws {DOMException} Named `TimeoutError`, if the lock was not to be had in time.
   * @throws {DeadlockError} If a change of the same document made this call, with neither a timeout
   * nor a signal: the two would wait for each other.
   * @throws {TypeError} If JSON would change or drop a part of the document: `undefined`, `NaN`, a
   * `Date`, a `Map`, an object of a class. The file is unchanged.
   * @throws What `read` throws, what `change` throws, what the schema throws; the file is unchanged.
   */
  async update(change: (document: T) => T | Promise<T>, options?: AcquireOptions): Promise<T> {
    refuseDeadlock(this.#file, options);
    using guard = await this.#lock.acquire(options);
    if (guard.recovered) this.#swept = false;
    return this.#write(await holding(this.#file, () => change(this.read())));
  }

  /**
   * The blocking version of {@linkcode update}.
   *
   * @throws {TypeError} If `change` returns a promise.
   */
  updateSync(change: (document: T) => T, options?: AcquireOptions): T {
    using guard = this.#lock.acquireSync(options);
    if (guard.recovered) this.#swept = false;
    const document = change(this.read());
    if (typeof (document as { then?: unknown } | null)?.then === "function") {
      // The promise is not awaited here, so its rejection must not be reported as unhandled.
      if (document instanceof Promise) document.catch(() => {});
      throw new TypeError(`Cannot write "${this.path}": the change returned a promise. Use update`);
    }
    return this.#write(document);
  }

  /** Closes the lock. Closing twice does nothing. */
  close(): void {
    this.#lock.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #check(document: unknown): T {
    return this.#schema === undefined ? document as T : this.#schema.parse(document);
  }

  #write(document: T): T {
    const checked = this.#check(document);
    checkJson(checked, `write "${this.path}"`);
    const text = JSON.stringify(checked, null, 2);
    const written = this.#check(JSON.parse(text));
    if (this.#lock.mode !== "exclusive") {
      throw new TypeError(`Cannot write "${this.path}": it was closed meanwhile`);
    }
    if (!this.#swept) removeLeftovers(this.#file);
    this.#swept = true;
    replaceFile(this.#file, encoder.encode(`${text}\n`), this.#durable);
    return written;
  }
}

/** Throws if there is something at a path that is not a regular file. */
function checkFile(file: string, path: string): void {
  const found = statusAt(file);
  if (found === undefined || found.isFile) return;
  const what = found.isFolder ? "a directory" : "a pipe, a socket or a device";
  throw new TypeError(`Cannot use "${path}": it is ${what}, not a regular file`);
}
