import type { SharableGuard } from "../contract/guard.ts";
import type { RawLock } from "../contract/lock.ts";
import type { Owner } from "../contract/owner.ts";
import type { PathLike } from "../contract/path_like.ts";
import { dispose, type PlatformDisposable } from "../contract/platform.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import { fileAccessBy } from "../runtime/files/file_access.ts";
import { BorrowedLockFile } from "../runtime/file_locks/borrowed_lock_file.ts";
import { filePathFrom } from "../runtime/paths/path_like.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";
import { capabilitiesOf, type FileLockCapabilities } from "./capabilities.ts";
import { closeIfDropped, wasClosed } from "./dropped.ts";
import { FileHolds } from "./file_holds.ts";
import {
  checkDescriptor,
  checkFunction,
  checkLockOptions,
  type DescriptorLockOptions,
  type FileAcquireOptions,
  type FileLockOptions,
} from "./file_lock_options.ts";
import { ownerOf } from "./lock_owner.ts";

/**
 * A lock on a file by flock(2). The kernel releases it when its holder ends, for any reason. Two
 * `FileLock`s exclude each other in one thread, in two workers and in two processes, and also
 * exclude other programs that use flock(2), such as flock(1).
 *
 * The file and its folders are made if they are missing, and kept after release. If the file is
 * removed or replaced, the next holder locks the file that has its path then. In an empty file the
 * holder writes a record, for {@linkcode FileLock.owner} and the token of its guard. A file with
 * other contents is locked and never written to, also if they come while it is held; its guards
 * have no token.
 *
 * Needs foreign functions (`--allow-ffi` in Deno). Without them it uses Deno's own file lock; see
 * {@linkcode FileLock.capabilities}.
 *
 * @example
 * ```ts
 * import { FileLock } from "@interlock/interlock";
 *
 * using lock = new FileLock("/tmp/interlock-example/lock", { label: "nightly job" });
 * {
 *   using guard = await lock.acquire({ timeout: 5000 });
 *   console.log(guard.token, lock.owner()?.label); // No other holder is in here.
 * }
 * {
 *   using guard = lock.acquireSync({ shared: true }); // Other shared holders may be in here.
 *   if (!await guard.upgrade()) console.log("read again: another holder was in between");
 * }
 * ```
 */
export class FileLock implements RawLock, PlatformDisposable {
  /** The lock file; `descriptor 9` for that of {@linkcode FileLock.ofDescriptor}. */
  readonly path: string;
  readonly #holds: FileHolds;
  /** What {@linkcode FileLock.runSync} does, for its error. */
  readonly #running: string;

  /**
   * Opens the lock file.
   *
   * @throws {UnsupportedError} If this system or runtime cannot lock a file, or not a range of one.
   * @throws {TypeError} If the path is not that of a regular file, or an option has a wrong type.
   * @throws {RangeError} If the range, the label or the mode is out of bounds.
   * @throws {Error} With the `code` of the system: a symbolic link, no permission, no space; a
   * group that this user is not in (`EPERM`). Or if there is no such group.
   */
  constructor(path: PathLike, options?: FileLockOptions);
  constructor(source: PathLike | BorrowedLockFile, options: FileLockOptions = {}) {
    checkLockOptions(options);
    const borrowed = source instanceof BorrowedLockFile ? source : undefined;
    this.path = borrowed?.path ?? filePathFrom(source as PathLike);
    this.#running = `run inside ${quotePath(this.path)}`;
    const access = fileAccessBy(options, "make a file lock");
    this.#holds = new FileHolds(borrowed ?? this.path, options, access);
    closeIfDropped(this, this.#holds);
  }

  /**
   * The lock of a file or a folder that the program has open, such as descriptor 9 of a shell's
   * `9>file`. The lock belongs to the open file: all copies of the descriptor share it, in this
   * process and in others, and it stays until it is released, or until all of them are closed. So
   * two `FileLock`s of one open file do not exclude each other. They exclude all others.
   *
   * The caller keeps the descriptor: `close` releases the lock and leaves the descriptor open. The
   * lock uses a copy, so the descriptor may be closed earlier. There is no record, and no token.
   *
   * @throws {TypeError} If it is no descriptor, or an option has a wrong type.
   * @throws {UnsupportedError} If this is not Linux, or foreign functions are missing.
   * @throws {Error} With the `code` `EBADF`, if it is not open.
   */
  static ofDescriptor(descriptor: number, options: DescriptorLockOptions = {}): FileLock {
    checkLockOptions(options);
    const { shared, reentrant } = options;
    const file = BorrowedLockFile.of(checkDescriptor(descriptor));
    return new FileLock(file as never, { shared, reentrant });
  }

  /** How this object holds the lock now. */
  get mode(): "exclusive" | "shared" | undefined {
    return this.#holds.mode;
  }

  /** The abilities of this lock on this system and file system. */
  get capabilities(): FileLockCapabilities {
    return capabilitiesOf(this.#holds.open.file);
  }

  /**
   * Runs `body` inside the lock and releases it, also if `body` throws. Blocks the thread, and
   * makes neither a guard nor a record. Without options, it may take 10 ms to notice that the file
   * was removed or replaced, as {@linkcode FileLock.lock} does.
   *
   * @returns The result of `body`.
   * @throws {TypeError} If the result is a promise or another thenable: the lock would be released
   * before it settles. Use `withLock`.
   * @throws {DeadlockError} If this thread holds the lock already.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   */
  runSync<T>(body: () => T, options?: FileAcquireOptions): T {
    checkFunction(body, "the body", "run inside a file lock");
    const holds = this.#holds;
    holds.lockToRun(options);
    try {
      const result = body();
      refuseThenable(result, this.#running, "withLock");
      return result;
    } finally {
      holds.unlockUnlessClosed();
    }
  }

  /**
   * Waits for the exclusive lock without a guard and a record, for hot loops. Blocks the thread.
   * Release it in a `finally`. It may take 10 ms to notice that the file was removed or replaced.
   *
   * @throws {DeadlockError} If this thread holds the lock already.
   */
  lock(): void {
    this.#holds.lock();
  }

  /**
   * Releases what {@linkcode FileLock.lock} acquired.
   *
   * @throws {Error} If it does not hold the lock, or a guard does.
   */
  unlock(): void {
    this.#holds.unlock();
  }

  /**
   * Acquires the lock if it is free, else returns `undefined`. Never waits.
   *
   * @param options Only `shared` has an effect.
   */
  tryAcquire(options?: { shared?: boolean }): SharableGuard | undefined {
    return this.#holds.tryAcquire(options);
  }

  /**
   * Waits for the lock, asleep in the kernel. Blocks the thread.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out; up to 50 ms late.
   * @throws {DeadlockError} If this object holds the lock already; or if another lock of this
   * thread holds it and neither a timeout nor a signal could end the wait.
   * @throws {Error} With the `code` of the system, if the record could not be written: no space.
   */
  acquireSync(options?: FileAcquireOptions): SharableGuard {
    return this.#holds.acquireSync(options);
  }

  /**
   * Waits for the lock without blocking the thread, in the order of the calls within a thread. A
   * wait keeps the process alive.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out.
   * @throws {TypeError} If the lock is closed before it is acquired.
   * @throws {Error} With the `code` of the system, if the record could not be written: no space.
   */
  acquire(options?: FileAcquireOptions): Promise<SharableGuard> {
    return this.#holds.acquire(options);
  }

  /**
   * The exclusive holder, by the record in the file and by the kernel's list of locks; for
   * information only. `undefined` if there is none, or if the file has other contents than a
   * record.
   */
  owner(): Owner | undefined {
    return ownerOf(this.#holds.open.file);
  }

  /** Closes the file, which releases the lock. Closing twice does nothing. */
  close(): void {
    wasClosed(this);
    this.#holds.close();
  }

  /** The same as {@linkcode FileLock.close}. */
  [dispose](): void {
    this.close();
  }
}
