import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW } from "../c/constants.ts";
import { ENOENT, errno, interrupted, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, quotePath } from "../paths/path_bytes.ts";

const STATX_BASIC_STATS = 0x7ff;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/** The status of a file by statx(2). */
export interface FileStatus {
  readonly isFile: boolean;
  readonly isFolder: boolean;
  /** The permission bits, such as `0o600`. */
  readonly mode: number;
  /** The number of its owner. */
  readonly user: number;
  /** The number of its group. */
  readonly group: number;
  readonly size: number;
  /** How many names it has: 0 if it was removed while it is open. */
  readonly links: number;
  /** The same for two descriptors of one file, and for no others. */
  readonly id: string;
}

/** What the mode of a `struct stat` says; the same on macOS. */
export function kindBy(mode: number): Pick<FileStatus, "isFile" | "isFolder" | "mode"> {
  const kind = mode & S_IFMT;
  return { isFile: kind === S_IFREG, isFolder: kind === S_IFDIR, mode: mode & 0o7777 };
}

/** The mode bits that let any user write. */
export const ANY_MAY_WRITE = 0o222;

/** Throws unless a lock file is a regular file. */
export function checkIsFile(
  path: string,
  { isFile, isFolder }: Pick<FileStatus, "isFile" | "isFolder">,
): void {
  if (isFile) return;
  const what = isFolder ? "a directory" : "a pipe, a socket or a device";
  throw new TypeError(`Cannot use ${quotePath(path)} as a lock: it is ${what}, not a regular file`);
}

const status = new DataView(new ArrayBuffer(256));

/** Fills {@linkcode status}; false, with errno set, if that fails. */
function statx(fd: number, path: Uint8Array, flags: number): boolean {
  const bytes = new Uint8Array(status.buffer);
  let result: number;
  // SAFETY: a `struct statx` has 256 bytes, and `path` ends with NUL.
  do result = libc.statx(fd, path, flags, STATX_BASIC_STATS, bytes); while (interrupted(result));
  return result === 0;
}

/** Reads {@linkcode status}. */
function statusFound(): FileStatus {
  const mode = status.getUint16(28, true);
  const device = `${status.getUint32(136, true)}:${status.getUint32(140, true)}`;
  return {
    ...kindBy(mode),
    user: status.getUint32(20, true),
    group: status.getUint32(24, true),
    size: Number(status.getBigUint64(40, true)),
    links: status.getUint32(16, true),
    id: `${device}:${status.getBigUint64(32, true)}`,
  };
}

/** The status of an open file. */
export function statusOf(fd: number, path: string): FileStatus {
  if (!statx(fd, new Uint8Array(1), AT_EMPTY_PATH)) throw systemError("look at", path, errno());
  return statusFound();
}

/** The status of a file by its path, not following links; `undefined` if there is none. */
export function statusAt(path: string): FileStatus | undefined {
  if (statx(AT_FDCWD, pathBytes(path), AT_SYMLINK_NOFOLLOW)) return statusFound();
  const failure = errno();
  if (failure === ENOENT) return undefined;
  throw systemError("look at", path, failure);
}

/**
 * The status of the file that a path leads to, following links; `undefined`, with errno set, if
 * none.
 */
export function followedStatus(path: string): FileStatus | undefined {
  return statx(AT_FDCWD, pathBytes(path), 0) ? statusFound() : undefined;
}

/** The inode that a path leads to, such as a namespace in `/proc`; `undefined` if there is none. */
export function inodeOf(path: string): number | undefined {
  if (statx(AT_FDCWD, pathBytes(path), 0)) return Number(status.getBigUint64(32, true));
  const failure = errno();
  if (failure === ENOENT) return undefined;
  throw systemError("look at", path, failure);
}

/**
 * The mode bits that let other users write; the group's bit counts if this user's group differs.
 */
export function writers({ group, mode }: FileStatus): number {
  return mode & (group === libc.getgid() ? 0o002 : 0o022);
}

/** File systems whose files are on other machines, by the number that statfs(2) gives. */
const NETWORK: Readonly<Record<number, string | undefined>> = {
  0x00c36400: "ceph",
  0x01021997: "9p",
  0x0bd00bd0: "lustre",
  0x517b: "smb",
  0x5346414f: "afs",
  0x65735546: "fuse",
  0x6969: "nfs",
  0x73757245: "coda",
  0xfe534d42: "smb2",
  0xff534d42: "cifs",
};

/** The file system that a descriptor is on, by the number that statfs(2) gives; 0 if unknown. */
export function fileSystemOf(fd: number): number {
  const found = new DataView(new ArrayBuffer(120));
  // SAFETY: a `struct statfs` has 120 bytes on 64-bit Linux.
  return libc.fstatfs(fd, new Uint8Array(found.buffer)) === 0 ? found.getUint32(0, true) : 0;
}

/** The network file system that a descriptor is, or may be (`fuse`), on; `undefined` for none. */
export function networkFileSystem(fd: number): string | undefined {
  return NETWORK[fileSystemOf(fd)];
}
