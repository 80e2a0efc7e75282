import type { AcquireOptions } from "../contract/options.ts";
import { readFile, replaceFile } from "../runtime/durable.ts";
import { FileLock } from "./file_lock.ts";

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
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * A JSON document that many processes read and change. A change is made under a lock, on a file
 * `PATH.lock` beside it, and replaces the file in one step: who reads sees the document before or
 * after, and so does who comes after a crash. An unreadable file is an error, and is left as it is.
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
  /** The file. */
  readonly path: string;

  readonly #lock: FileLock;
  readonly #schema: JsonSchema<T> | undefined;
  readonly #initial: T | undefined;
  readonly #durable: boolean;

  /**
   * Opens the lock beside the file; the file itself is opened by each read and update.
   *
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
   * @throws {Error} With the `code` of the system: no permission, no space.
   */
  constructor(path: string, options: JsonFileOptions<T> = {}) {
    this.path = path;
    this.#schema = options.schema;
    this.#initial = options.initial;
    this.#durable = options.durable ?? true;
    this.#lock = new FileLock(`${path}.lock`);
  }

  /**
   * The document now, without a lock: a file is replaced in one step.
   *
   * @throws {SyntaxError} If the file is no JSON.
   * @throws What the schema throws.
   */
  read(): T {
    const contents = readFile(this.path);
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
   * @returns What was written.
   * @throws {DOMException} Named `TimeoutError`, if the lock was not to be had in time.
   * @throws What `read` throws, what `change` throws, what the schema throws; the file is unchanged.
   */
  async update(change: (document: T) => T | Promise<T>, options?: AcquireOptions): Promise<T> {
    using _guard = await this.#lock.acquire(options);
    return this.#write(await change(this.read()));
  }

  /** {@linkcode update} for who may block the thread. */
  updateSync(change: (document: T) => T, options?: AcquireOptions): T {
    using _guard = this.#lock.acquireSync(options);
    return this.#write(change(this.read()));
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
    const text = JSON.stringify(checked, null, 2);
    if (text === undefined) {
      throw new TypeError(`Cannot write "${this.path}": JSON has nothing for ${typeof checked}`);
    }
    replaceFile(this.path, encoder.encode(`${text}\n`), this.#durable);
    return checked;
  }
}
