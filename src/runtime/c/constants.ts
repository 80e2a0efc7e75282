/**
 * Linux's numbers for calls of the C library, the same on x64 and arm64 unless chosen by the
 * processor.
 *
 * @module
 */
import { adapter } from "../adapters/adapter.ts";

/** For open(2): for reading only. */
export const O_RDONLY = 0;
/** For writing only. */
export const O_WRONLY = 1;
/** For reading and writing. */
export const O_RDWR = 2;
/** Makes the file if it is missing. */
export const O_CREAT = 0o100;
/** With `O_CREAT`: refuses a file that exists. */
export const O_EXCL = 0o200;
/** Does not make a terminal the controlling one. */
export const O_NOCTTY = 0o400;
/** Empties the file. */
export const O_TRUNC = 0o1000;
/** Never waits for the other end of a pipe. */
export const O_NONBLOCK = 0o4000;
/** Refuses anything but a folder. */
export const O_DIRECTORY: number = adapter.arch === "arm64" ? 0o40000 : 0o200000;
/** Refuses a symbolic link at the end of the path. */
export const O_NOFOLLOW: number = adapter.arch === "arm64" ? 0o100000 : 0o400000;
/** Closes the descriptor when the process becomes another program. */
export const O_CLOEXEC = 0o2000000;
/** Opens neither for reading nor for writing: only to name the file. */
export const O_PATH = 0o10000000;
/** Makes a file without a name in the folder. */
export const O_TMPFILE: number = 0o20000000 | O_DIRECTORY;

/** In place of a folder's descriptor: paths begin at the working directory. */
export const AT_FDCWD = -100;
/** The link itself, not the file that it leads to. */
export const AT_SYMLINK_NOFOLLOW = 0x100;
/** The file that a link leads to. */
export const AT_SYMLINK_FOLLOW = 0x400;
/** With an empty path: the file of the descriptor. */
export const AT_EMPTY_PATH = 0x1000;

/** The error number of a call that a signal interrupted. */
export const EINTR = 4;

/** For clock_gettime(2) and timers: the time since boot, without the time asleep. */
export const CLOCK_MONOTONIC = 1;
