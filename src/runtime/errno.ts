import { errnoView } from "./libc.ts";
import { quotePath } from "./path_bytes.ts";
export { interrupted } from "./libc.ts";

/**
 * Linux's numbers of the errors that its calls here can give. Not from `node:os`, which takes Deno
 * 10 ms to load.
 */
const NUMBERS = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EMLINK: 31,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  ETIMEDOUT: 110,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

const NAMES = new Map<number, string>(
  Object.entries(NUMBERS).map(([name, number]) => [number, name]),
);

const WORDS: Readonly<Record<string, string | undefined>> = {
  EACCES: "permission denied",
  EBUSY: "somebody else has it open and does not share it",
  EDQUOT: "the user's share of the file system is used up",
  EFBIG: "the file may not get that long (ulimit -f)",
  EISDIR: "it is a directory",
  ELOOP: "it is a symbolic link, which is not followed",
  EMFILE: "this process has too many open files",
  ENAMETOOLONG: "the name is too long",
  ENFILE: "the system has too many open files",
  ENOENT: "no such file or directory",
  ENOLCK: "the system is out of locks",
  ENOMEM: "out of memory",
  ENOSPC: "no space left on the file system",
  ENOTDIR: "a part of the path is not a directory",
  ENXIO: "it is a socket, or a pipe or a device without a reader",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
};

/** The numbers of the errors that callers tell apart. */
export const {
  EACCES,
  EEXIST,
  EINTR,
  ELOOP,
  ENOENT,
  ENOMEM,
  ENXIO,
  EPERM,
  EROFS,
  ESRCH,
  ETXTBSY,
  EAGAIN: EWOULDBLOCK,
} = NUMBERS;

/**
 * The error number of the last failed C call of this thread. Nothing may call into C between that
 * call and this one.
 */
export function errno(): number {
  return errnoView()[0];
}

/** An error in the shape of Node's: `code`, `errno` and `path` beside the message. */
export function systemError(what: string, path: string, number: number): Error {
  return namedError(what, path, NAMES.get(number) ?? `errno ${number}`, number);
}

/** The same, for a system that numbers its errors in its own way. */
export function namedError(what: string, path: string, code: string, number: number): Error {
  const message = `Cannot ${what} ${quotePath(path)}: ${
    WORDS[code] ?? "the system refused"
  } (${code})`;
  return Object.assign(new Error(message), { code, errno: number, path });
}

/**
 * The error number of a call that locks or unlocks, which is then made again if it is not the
 * answer. It is believed only the second time: the engine can make system calls of its own before
 * the number is read (Node was seen to answer ENOENT for a lock that was held).
 *
 * @param last The number of the failed call before it, or 0.
 * @throws {Error} With the `code` of the system, if both failed for the same reason; but `EINTR` only
 * says that a signal came.
 */
export function failureOf(action: string, path: string, last: number): number {
  const failure = errno();
  if (failure !== EINTR && failure === last) throw systemError(action, path, failure);
  return failure;
}
