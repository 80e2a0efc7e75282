import { UnsupportedError } from "../../contract/errors.ts";
import { absolutePath, workingDirectoryBy } from "../files/absolute_path.ts";
import { ANY_MAY_WRITE, checkIsFile } from "../files/file_status.ts";
import { foldersTo } from "../files/folders.ts";
import { pathBytes, quotePath } from "../paths/path_bytes.ts";
import { waitByTrying } from "../waiting/wait_by_trying.ts";
import type { ByteRange } from "./byte_range.ts";
import {
  DARWIN,
  darwinError,
  type DarwinStatus,
  darwinStatus,
  F_FULLFSYNC,
  libSystem,
  O_CLOEXEC,
  O_CREAT,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  STAT_BYTES,
} from "./darwin_calls.ts";
import { LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN } from "./flock.ts";
import type { LockFile } from "./lock_file.ts";

const MODE = 0o600;
const FOLDER_MODE = 0o700;
const NOT_FOR_WRITING: readonly number[] = [DARWIN.EACCES, DARWIN.EPERM, DARWIN.EROFS];
const status = new Uint8Array(new ArrayBuffer(STAT_BYTES));

function fullPath(path: string): string {
  return absolutePath(path, () => {
    const { getcwd, errno } = libSystem();
    const found = workingDirectoryBy(getcwd);
    if (found === undefined) throw darwinError("find", path, errno());
    return found;
  });
}

function openWith(bytes: Uint8Array, flags: number): number {
  const { open, errno } = libSystem();
  for (;;) {
    // SAFETY: `bytes` ends with NUL.
    const fd = open(bytes, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, MODE);
    if (fd >= 0 || errno() !== DARWIN.EINTR) return fd;
  }
}

/** Opens for writing if that is allowed, else for reading, which is enough to lock. */
function open(full: string, path: string): { readonly fd: number; readonly writable: boolean } {
  const { mkdir, errno } = libSystem();
  const bytes = pathBytes(full);
  let failure = 0;
  for (let tries = 0; tries < 2; tries++) {
    const fd = openWith(bytes, O_RDWR | O_CREAT);
    if (fd >= 0) return { fd, writable: true };
    failure = errno();
    if (failure !== DARWIN.ENOENT) break;
    for (const folder of foldersTo(full)) mkdir(pathBytes(folder), FOLDER_MODE);
  }
  const fd = NOT_FOR_WRITING.includes(failure) ? openWith(bytes, O_RDONLY) : -1;
  if (fd < 0) throw darwinError("open", path, failure);
  return { fd, writable: false };
}

function statusOf(fd: number, path: string): DarwinStatus {
  const { fstat, errno } = libSystem();
  // SAFETY: `status` is as long as a `struct stat`.
  if (fstat(fd, status) !== 0) throw darwinError("look at", path, errno());
  return darwinStatus(status);
}

/**
 * A file that flock(2) of macOS locks; written against the documentation. No documented call ends a
 * blocked flock(2) of another thread, so a wait tries again and again.
 */
export class DarwinLockFile implements LockFile {
  readonly path: string;
  readonly mechanism = "flock";
  readonly fd = undefined;
  readonly range = undefined;
  readonly id: string;
  readonly writable: boolean;
  readonly #full: string;
  readonly #fd: number;

  constructor(path: string, range?: ByteRange, full: string = fullPath(path)) {
    if (range !== undefined) {
      throw new UnsupportedError(
        `Cannot lock a range of ${
          quotePath(path)
        }: macOS has no such locks of open files. Lock the whole file`,
      );
    }
    this.path = path;
    this.#full = full;
    const { fd, writable } = open(full, path);
    this.#fd = fd;
    try {
      const found = statusOf(fd, path);
      checkIsFile(path, found);
      this.writable = writable && (found.mode & ANY_MAY_WRITE) !== 0;
      this.id = found.id;
    } catch (error) {
      libSystem().close(fd);
      throw error;
    }
  }

  tryLock(shared: boolean): boolean {
    const { flock, errno } = libSystem();
    while (flock(this.#fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) !== 0) {
      const failure = errno();
      if (failure === DARWIN.EWOULDBLOCK) return false;
      if (failure !== DARWIN.EINTR) throw darwinError("lock", this.path, failure);
    }
    return true;
  }

  waitLock(shared: boolean, goOn: () => boolean): boolean {
    return waitByTrying(() => this.tryLock(shared), goOn);
  }

  unlock(): void {
    const { flock, errno } = libSystem();
    while (flock(this.#fd, LOCK_UN) !== 0) {
      const failure = errno();
      if (failure !== DARWIN.EINTR) throw darwinError("unlock", this.path, failure);
    }
  }

  isCurrent(): boolean {
    return libSystem().lstat(pathBytes(this.#full), status) === 0 &&
      darwinStatus(status).id === this.id;
  }

  reopen(): DarwinLockFile {
    return new DarwinLockFile(this.path, undefined, this.#full);
  }

  read(bytes: Uint8Array, offset: number): number {
    const { pread, errno } = libSystem();
    for (;;) {
      // SAFETY: pread(2) writes no more than `bytes.length` bytes, pwrite(2) reads no more.
      const got = pread(this.#fd, bytes, bytes.length, offset);
      if (got >= 0) return got;
      const failure = errno();
      if (failure !== DARWIN.EINTR) throw darwinError("read", this.path, failure);
    }
  }

  write(bytes: Uint8Array, offset: number): void {
    const { pwrite, errno } = libSystem();
    for (let done = 0; done < bytes.length;) {
      const rest = bytes.subarray(done);
      const written = pwrite(this.#fd, rest, rest.length, offset + done);
      const failure = written < 0 ? errno() : 0;
      if (failure !== 0 && failure !== DARWIN.EINTR) {
        throw darwinError("write", this.path, failure);
      }
      done += Math.max(0, written);
    }
  }

  sync(): void {
    const { fcntl, errno } = libSystem();
    while (fcntl(this.#fd, F_FULLFSYNC) < 0) {
      const failure = errno();
      if (failure !== DARWIN.EINTR) throw darwinError("make durable", this.path, failure);
    }
  }

  close(): void {
    try {
      this.unlock();
    } finally {
      libSystem().close(this.#fd);
    }
  }
}
