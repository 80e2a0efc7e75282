import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
} from "../c/constants.ts";
import {
  EACCES,
  ENOENT,
  EPERM,
  EROFS,
  errno,
  ETXTBSY,
  interrupted,
  systemError,
} from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { absolutePath } from "../files/absolute_path.ts";
import { ANY_MAY_WRITE, checkIsFile, statusOf } from "../files/file_status.ts";
import type { FileAccess } from "../files/file_access.ts";
import { makeFolders } from "../files/folders.ts";
import { makeFile } from "../files/make_file.ts";
import { closeFile, readAt, syncData, writeAt } from "../files/open_file.ts";
import { pathBytes } from "../paths/path_bytes.ts";
import { closeEarly, closeWithThread } from "../threads/thread_end.ts";
import type { ByteRange } from "./byte_range.ts";
import { tryFlock, unlockFlock, waitFlock } from "./flock.ts";
import type { LockFile, LockMechanism } from "./lock_file.ts";
import { RangeRequests } from "./range_lock.ts";

const STATX_INO = 0x100;
const MODE = 0o600;
const NOT_FOR_WRITING: readonly number[] = [EACCES, EPERM, EROFS, ETXTBSY];

/** The offsets of the inode (two halves) and the device in a `struct statx`, in 32-bit words. */
const INODE = 8;
const DEVICE = 34;

const EMPTY = new Uint8Array(1);
const NOTHING = new Uint8Array(0);
const status = new Uint32Array(64);
const statusBytes = new Uint8Array(status.buffer);

/**
 * Opens for writing if that is allowed, else for reading, which is enough to lock. If `O_CREAT` is
 * refused for an existing file (fs.protected_regular), opens it without that flag.
 */
function open(
  absolute: string,
  path: string,
  bytes: Uint8Array,
  create: boolean,
  write: boolean,
  access: FileAccess | undefined,
): { readonly fd: number; readonly writable: boolean } {
  let failure = 0;
  for (let tries = 0; tries < 2; tries++) {
    const mayMake = create && access === undefined;
    const fd = openWith(bytes, (write ? O_RDWR : O_RDONLY) | (mayMake ? O_CREAT : 0));
    if (fd >= 0) return { fd, writable: write };
    failure = errno();
    if (failure !== ENOENT || !create) break;
    makeFolders(absolute, access);
    // In one step, so that no other user finds it without its mode and its group.
    if (access !== undefined) makeFile(absolute, NOTHING, access);
  }
  if (NOT_FOR_WRITING.includes(failure)) {
    const writable = write ? openWith(bytes, O_RDWR) : -1;
    if (writable >= 0) return { fd: writable, writable: true };
    const readable = openWith(bytes, O_RDONLY);
    if (readable >= 0) return { fd: readable, writable: false };
  }
  throw systemError("open", path, failure);
}

function openWith(bytes: Uint8Array, flags: number): number {
  // SAFETY: `bytes` ends with NUL.
  return libc.open(bytes, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, MODE);
}

/** Puts the inode and the device into {@linkcode status}; false, with errno set, if that fails. */
function lookAt(fd: number, path: Uint8Array, flags: number): boolean {
  let result: number;
  // SAFETY: a `struct statx` has 256 bytes, and `path` ends with NUL.
  do result = libc.statx(fd, path, flags, STATX_INO, statusBytes); while (interrupted(result));
  return result === 0;
}

/** A file that is locked by flock(2), or of which fcntl(2) locks a range. */
export class LinuxLockFile implements LockFile {
  readonly path: string;
  readonly mechanism: LockMechanism;
  readonly fd: number;
  readonly id: string;
  readonly writable: boolean;
  readonly range: ByteRange | undefined;
  readonly #absolute: string;
  readonly #create: boolean;
  readonly #write: boolean;
  readonly #access: FileAccess | undefined;
  readonly #pathBytes: Uint8Array;
  readonly #requests: RangeRequests | undefined;
  readonly #inode: readonly [number, number];
  readonly #device: readonly [number, number];

  constructor(
    path: string,
    range?: ByteRange,
    create = true,
    write = true,
    access?: FileAccess,
    absolute: string = absolutePath(path),
  ) {
    this.path = path;
    this.#absolute = absolute;
    this.#create = create;
    this.#write = write;
    this.#access = access;
    this.#pathBytes = pathBytes(absolute);
    const opened = open(absolute, path, this.#pathBytes, create, write, access);
    this.mechanism = range === undefined ? "flock" : "ofd-range";
    this.range = range;
    this.#requests = range && new RangeRequests(range);
    try {
      const found = statusOf(opened.fd, path);
      checkIsFile(path, found);
      this.writable = opened.writable && (found.mode & ANY_MAY_WRITE) !== 0;
      this.id = range === undefined ? found.id : `${found.id} ${range.start}+${range.length}`;
      if (!lookAt(opened.fd, EMPTY, AT_EMPTY_PATH)) throw systemError("look at", path, errno());
      this.#inode = [status[INODE], status[INODE + 1]];
      this.#device = [status[DEVICE], status[DEVICE + 1]];
      this.fd = closeWithThread(opened.fd);
    } catch (error) {
      closeFile(opened.fd);
      throw error;
    }
  }

  tryLock(shared: boolean): boolean {
    if (this.#requests === undefined) return tryFlock(this.fd, this.path, shared);
    return this.#requests.tryLock(this.fd, this.path, shared);
  }

  waitLock(shared: boolean, goOn: () => boolean): boolean {
    if (this.#requests === undefined) return waitFlock(this.fd, this.path, goOn, shared);
    return this.#requests.waitLock(this.fd, this.path, goOn, shared);
  }

  unlock(): void {
    if (this.#requests === undefined) unlockFlock(this.fd, this.path);
    else this.#requests.unlock(this.fd, this.path);
  }

  isCurrent(): boolean {
    const path = this.#pathBytes;
    const found = lookAt(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
    return found && status[INODE] === this.#inode[0] && status[INODE + 1] === this.#inode[1] &&
      status[DEVICE] === this.#device[0] && status[DEVICE + 1] === this.#device[1];
  }

  reopen(): LinuxLockFile {
    return new LinuxLockFile(
      this.path,
      this.range,
      this.#create,
      this.#write,
      this.#access,
      this.#absolute,
    );
  }

  read(bytes: Uint8Array, offset: number): number {
    return readAt(this.fd, this.path, bytes, offset);
  }

  write(bytes: Uint8Array, offset: number): void {
    writeAt(this.fd, this.path, bytes, offset);
  }

  sync(): void {
    syncData(this.fd, this.path);
  }

  close(): void {
    // Closing alone would leave the lock to a child that is just being started and has a copy.
    try {
      this.unlock();
    } finally {
      closeEarly(this.fd);
    }
  }
}
