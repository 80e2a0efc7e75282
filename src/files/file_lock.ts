import { DeadlockError, timeoutError } from "../contract/errors.ts";
import { Guard, type Releasable, RELEASE } from "../contract/guard.ts";
import { type AcquireOptions, deadlineOf } from "../contract/options.ts";
import { closeFile, openRegularFile } from "../runtime/files.ts";
import { tryFlock, unlockFlock, waitFlock } from "../runtime/flock.ts";

/**
 * An exclusive lock on a file by flock(2): the kernel's own, gone with its holder, however that
 * ends. Two `FileLock`s exclude each other wherever they are: in one thread, in two workers, in
 * two processes. Other programs that use flock(2) are excluded too.
 *
 * The file is created where it is missing, kept after release, and never written to. Its folder
 * must exist. Needs foreign functions: `--allow-ffi` in Deno.
 *
 * @example
 * ```ts
 * import { FileLock } from "@interlock/interlock";
 *
 * using lock = new FileLock("/tmp/interlock-example.lock");
 * {
 *   using _guard = lock.acquireSync({ timeout: 5000 });
 *   // Nobody else is here.
 * }
 * ```
 */
export class FileLock implements Releasable, Disposable {
  /** The lock file. */
  readonly path: string;

  #fd: number | undefined;
  #held = false;

  /**
   * Opens the lock file, creating it where it is missing.
   *
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
   * @throws {TypeError} If it is not a regular file.
   * @throws {Error} With the `code` of the system: a symbolic link, no such folder, no permission.
   */
  constructor(path: string) {
    this.path = path;
    this.#fd = openRegularFile(path);
  }

  /** Waits for the lock. Blocks the thread. */
  lock(): void {
    this.#wait(Infinity, undefined);
  }

  /**
   * Releases the lock.
   *
   * @throws {Error} If this object does not hold it.
   */
  unlock(): void {
    if (!this.#held) throw new Error(`Cannot unlock "${this.path}": this lock does not hold it`);
    unlockFlock(this.#open(), this.path);
    this.#held = false;
  }

  /** Takes the lock if it is free. */
  tryAcquire(): Guard | undefined {
    if (this.#held || !tryFlock(this.#open(), this.path)) return undefined;
    this.#held = true;
    return new Guard(this, undefined);
  }

  /**
   * Waits for the lock, asleep in the kernel, and returns its guard. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out; up to 50 ms late.
   * @throws {DeadlockError} If this object holds the lock already.
   */
  acquireSync(options?: AcquireOptions): Guard {
    const deadline = deadlineOf(options);
    options?.signal?.throwIfAborted();
    this.#wait(deadline, options?.signal);
    return new Guard(this, undefined);
  }

  /** Releases the hold of a guard. */
  [RELEASE](): void {
    this.unlock();
  }

  /** Not there yet. */
  acquire(): Promise<Guard> {
    return Promise.reject(new Error("Cannot acquire a file lock asynchronously yet"));
  }

  /** Nobody: a lock file does not keep its owner yet. */
  owner(): undefined {
    return undefined;
  }

  /** Closes the file, and with it releases the lock. Closing twice does nothing. */
  close(): void {
    if (this.#fd === undefined) return;
    closeFile(this.#fd);
    this.#fd = undefined;
    this.#held = false;
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(): number {
    if (this.#fd === undefined) throw new TypeError(`Cannot use "${this.path}": it was closed`);
    return this.#fd;
  }

  #wait(deadline: number, signal: AbortSignal | undefined): void {
    if (this.#held) {
      throw new DeadlockError(`Cannot wait for "${this.path}": this lock holds it already`);
    }
    const goOn = () => {
      signal?.throwIfAborted();
      return deadline === Infinity || performance.now() < deadline;
    };
    if (!waitFlock(this.#open(), this.path, goOn)) {
      throw timeoutError(`Cannot lock "${this.path}" in time: somebody else holds it`);
    }
    this.#held = true;
  }
}
