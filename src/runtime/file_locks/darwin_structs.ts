/**
 * Numbers and layouts for the calls of macOS; pure, so that it is tested on every system. From
 * sys/fcntl.h, sys/errno.h and sys/stat.h of XNU.
 *
 * @module
 */
import { namedError } from "../c/errno.ts";

export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0x4;
export const O_NOFOLLOW = 0x100;
export const O_CREAT = 0x200;
export const O_CLOEXEC = 0x1000000;
/** For fcntl(2): the drive writes its cache as well, which fsync(2) does not ask for. */
export const F_FULLFSYNC = 51;

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** The size of a `struct stat` with 64-bit inodes, in bytes. */
export const STAT_BYTES = 144;

/** The status of a file by stat(2). */
export interface DarwinStatus {
  readonly isFile: boolean;
  readonly isFolder: boolean;
  /** The permission bits. */
  readonly mode: number;
  /** The same for two descriptors of one file, and for no others. */
  readonly id: string;
}

/** Reads a `struct stat`. It begins with the device, the mode and the links, then the inode. */
export function darwinStatus(bytes: Uint8Array): DarwinStatus {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const mode = view.getUint16(4, true);
  return {
    isFile: (mode & S_IFMT) === S_IFREG,
    isFolder: (mode & S_IFMT) === S_IFDIR,
    mode: mode & 0o7777,
    id: `${view.getInt32(0, true)}:${view.getBigUint64(8, true)}`,
  };
}

/** The names of stat(2)'s functions: those without the suffix have 32-bit inodes on x64. */
export function statNames(arch: string): { readonly fstat: string; readonly lstat: string } {
  const suffix = arch === "x64" ? "$INODE64" : "";
  return { fstat: `fstat${suffix}`, lstat: `lstat${suffix}` };
}

/** The numbers of the errors that callers distinguish. */
export const DARWIN = { EINTR: 4, ENOENT: 2, EACCES: 13, EPERM: 1, EROFS: 30, EWOULDBLOCK: 35 };

const NAMES: Readonly<Record<number, string | undefined>> = {
  1: "EPERM",
  2: "ENOENT",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  9: "EBADF",
  11: "EDEADLK",
  12: "ENOMEM",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  26: "ETXTBSY",
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  35: "EAGAIN",
  45: "ENOTSUP",
  62: "ELOOP",
  63: "ENAMETOOLONG",
  69: "EDQUOT",
  70: "ESTALE",
  77: "ENOLCK",
  78: "ENOSYS",
  102: "EOPNOTSUPP",
};

/** An error by macOS's number for it, with the fields of Node's errors. */
export function darwinError(what: string, path: string, number: number): Error {
  return namedError(what, path, NAMES[number] ?? `errno ${number}`, number);
}
