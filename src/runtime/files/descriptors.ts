import { adapter } from "../adapters/adapter.ts";
import { O_NONBLOCK } from "../c/constants.ts";
import { interrupted } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { statusOf } from "./file_status.ts";
import { namesIn } from "./folders.ts";

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
  return libc.fcntl(fd, F_GETFD, unused) >= 0;
}

/** Another descriptor of the same open file, closed on exec; `undefined` if the system refuses. */
export function duplicate(fd: number): number | undefined {
  const copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? undefined : copy;
}

/** The flags of an open file; negative, with errno set, if the descriptor is not open. */
export function flagsOf(fd: number): number {
  let flags: number;
  do flags = libc.fcntl(fd, F_GETFL, unused); while (interrupted(flags));
  return flags;
}

/** Lets a descriptor stay open when this process becomes another program. */
export function keepOnExec(fd: number): void {
  fcntl(fd, F_SETFD, 0);
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

/**
 * Whether this process inherited a descriptor of a file or a folder (runtimes open pipes and such
 * themselves). Deno opens files itself as well, but those are closed on exec, and inherited ones are
 * not. Node and Bun mark inherited ones close-on-exec, too; Bun adds a copy of its output.
 */
export function isInherited(fd: number): boolean {
  const flags = libc.fcntl(fd, F_GETFD, unused);
  if (flags < 0) return false;
  const { isFile, isFolder, id } = statusOf(fd, `descriptor ${fd}`);
  if (!isFile && !isFolder) return false;
  if ((flags & FD_CLOEXEC) === 0 || STREAMS.includes(fd)) return true;
  return adapter.name !== "deno" && !STREAMS.some((stream) => isOpen(stream) && isSame(stream, id));
}

function isSame(fd: number, id: string): boolean {
  return statusOf(fd, `descriptor ${fd}`).id === id;
}

/** The inherited descriptors except the standard streams. Call it before any file is opened. */
export function inheritedFiles(): number[] {
  return namesIn("/proc/self/fd").map(Number).filter((fd) => fd > 2 && isInherited(fd));
}
