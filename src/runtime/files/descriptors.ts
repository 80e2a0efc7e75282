import { adapter } from "../adapters/adapter.ts";
import { O_NONBLOCK } from "../c/constants.ts";
import { interrupted } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { pathBytes, pathOf } from "../paths/path_bytes.ts";

const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;
const unused = new Uint8Array(8);

/** The descriptors of the standard streams. */
export const STREAMS: readonly number[] = [0, 1, 2];

/**
 * fcntl(2) with an integer, which the C function takes as a variadic argument.
 *
 * SAFETY: the system call takes three integers; the last argument of the binding is ignored.
 */
function fcntl(fd: number, operation: number, value: number): number {
  return libc.syscall(adapter.arch === "arm64" ? 25 : 72, fd, operation, value, unused);
}

/** Whether a descriptor is open. */
export function isOpen(fd: number): boolean {
  return isClosedOnExec(fd) !== undefined;
}

/** Whether a descriptor is closed on exec; `undefined` if it is not open. */
export function isClosedOnExec(fd: number): boolean | undefined {
  const flags = fcntl(fd, F_GETFD, 0);
  return flags < 0 ? undefined : (flags & FD_CLOEXEC) !== 0;
}

/** Another descriptor of the same open file, closed on exec; `undefined` if the system refuses. */
export function duplicate(fd: number): number | undefined {
  const copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? undefined : copy;
}

/** The flags of an open file; negative, with errno set, if the descriptor is not open. */
export function flagsOf(fd: number): number {
  let flags: number;
  do flags = fcntl(fd, F_GETFL, 0); while (interrupted(flags));
  return flags;
}

/** Chooses the descriptors that a program gets from this process: these, but not `except`. */
export function passOnExec(descriptors: readonly number[], except?: number): void {
  for (const fd of descriptors) fcntl(fd, F_SETFD, fd === except ? FD_CLOEXEC : 0);
}

/**
 * Makes the standard streams blocking for a program that is about to start. Node makes pipes
 * non-blocking when a module imports `node:process`; a started program shares the open file, and
 * few programs can write to a non-blocking pipe.
 */
export function makeStreamsBlocking(): void {
  for (const fd of STREAMS) {
    const flags = flagsOf(fd);
    if (flags >= 0 && (flags & O_NONBLOCK) !== 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
}

const link = new Uint8Array(256);

/**
 * What a descriptor of a process leads to, by `/proc`, such as `pipe:[123]` or a path, cut after
 * 256 bytes; `undefined` if there is none, or it may not be looked at.
 */
export function openFileOf(fd: number | string, pid = "self"): string | undefined {
  // SAFETY: readlink(2) writes no more than the length that it is given.
  const length = libc.readlink(pathBytes(`/proc/${pid}/fd/${fd}`), link, link.length);
  return length < 0 ? undefined : pathOf(link.subarray(0, length));
}
