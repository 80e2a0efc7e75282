import { constants } from "node:os";
import { adapter } from "./adapter.ts";
import { libc } from "./libc.ts";

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

const WORDS: Readonly<Record<string, string | undefined>> = {
  EACCES: "permission denied",
  EISDIR: "it is a directory",
  ELOOP: "it is a symbolic link, which is not followed",
  EMFILE: "this process has too many open files",
  ENOENT: "no such file or directory",
  ENOLCK: "the system is out of locks",
  ENOSPC: "no space left on the file system",
  ENOTDIR: "a part of the path is not a directory",
  ENXIO: "it is a named pipe or a device without a reader",
  EROFS: "the file system is read-only",
};

/** The numbers of the errors that callers tell apart. */
export const { EEXIST, EINTR, EWOULDBLOCK } = constants.errno;

/** The error number of the last failed C call of this thread. */
export function errno(): number {
  // Nothing may call into C between the failed call and this one.
  const address = libc().__errno_location();
  return new Int32Array(adapter.bufferAt(address, 4))[0];
}

/** An error in the shape of Node's: `code`, `errno` and `path` beside the message. */
export function systemError(what: string, path: string, number: number): Error {
  const code = NAMES.get(number) ?? `errno ${number}`;
  const message = `Cannot ${what} "${path}": ${WORDS[code] ?? "the system refused"} (${code})`;
  return Object.assign(new Error(message), { code, errno: number, path });
}
