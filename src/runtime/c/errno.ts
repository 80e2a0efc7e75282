import { quotePath } from "../paths/path_bytes.ts";
import { EINTR } from "./constants.ts";
import { errnoView } from "./libc.ts";
export { EINTR };
export { interrupted } from "./libc.ts";

/**
 * Linux's numbers of the errors that its calls here can return. Not from `node:os`, whose loading
 * takes Deno 10 ms.
 */
const NUMBERS = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
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
  E2BIG: "the arguments and the environment are too long",
  EACCES: "permission denied",
  EBADF: "it is not open",
  EBUSY: "another process has it open and does not share it",
  EDQUOT: "the user's quota of disk space is used up",
  EFBIG: "the file would be longer than is allowed (ulimit -f)",
  EISDIR: "it is a directory",
  ELOOP: "it is a symbolic link, which is not followed",
  EMFILE: "this process has too many open files",
  ENAMETOOLONG: "the name is too long",
  ENFILE: "the system has too many open files",
  ENOENT: "no such file or directory",
  ENOLCK: "the system has no locks left",
  ENOMEM: "out of memory",
  ENOSPC: "no space left on the file system",
  ENOTDIR: "a part of the path is not a directory",
  ENXIO: "it is a socket, or a pipe or a device without a reader",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
};

/** The numbers of the errors that callers distinguish. */
export const {
  EACCES,
  EBADF,
  EEXIST,
  EFBIG,
  EIO,
  EISDIR,
  ELOOP,
  ENODEV,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  ENOTDIR,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  ESRCH,
  ESTALE,
  ETIMEDOUT,
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

/** An error with the fields of Node's errors: `code`, `errno` and `path`. */
export function systemError(what: string, path: string, number: number): Error {
  return namedError(what, path, NAMES.get(number) ?? `errno ${number}`, number);
}

/** The same for another system, which numbers its errors differently. */
export function namedError(what: string, path: string, code: string, number: number): Error {
  const message = `Cannot ${what} ${quotePath(path)}: ${
    WORDS[code] ?? "the system refused"
  } (${code})`;
  return Object.assign(new Error(message), { code, errno: number, path });
}

/**
 * The error number of a failed call that locks or unlocks. Unless the number answers the caller's
 * question, the caller makes the call again. An error is thrown only the second time: the engine
 * can make system calls before the number is read (Node has returned ENOENT for a lock that was
 * held).
 *
 * @param last The number of the failed call before, or 0.
 * @throws {Error} With the `code` of the system, if both calls failed for the same reason; never
 * for `EINTR`, which only says that a signal came.
 */
export function failureOf(action: string, path: string, last: number): number {
  const failure = errno();
  if (failure !== EINTR && failure === last) throw systemError(action, path, failure);
  return failure;
}
