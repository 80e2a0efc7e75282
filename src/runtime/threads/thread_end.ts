import { UnsupportedError } from "../../contract/errors.ts";
import { adapter } from "../adapters/adapter.ts";
import { O_CLOEXEC, O_PATH } from "../c/constants.ts";
import { ENOMEM, errno, systemError } from "../c/errno.ts";
import { addressOfFunction, libc } from "../c/libc.ts";
import { closeFile } from "../files/open_file.ts";
import { pathBytes } from "../paths/path_bytes.ts";

/*
 * The descriptors of a process stay open until the process ends, whichever thread opened them. A
 * terminated worker closes none that it opened by foreign functions, so its locks would stay. No
 * JavaScript runs at that moment, but the C library does: when a thread ends for any reason, it calls
 * the functions that were registered by `__cxa_thread_atexit_impl` (the Itanium C++ ABI's way to
 * destroy `thread_local` objects; glibc 2.18). Here, that function is close(2).
 *
 * A registration cannot be undone. So a registered number stays in use until the thread ends, since
 * another thread could get the number and would lose its file. A closed lock file leaves a
 * placeholder under its number, for the next file of this thread.
 */

const FOLDER = pathBytes("/");

/** The numbers that {@linkcode closeWithThread} registered. */
const registered = new Set<number>();
/** The registered numbers that have a placeholder now instead of a file. */
const placeholders = new Set<number>();
let mayRegister: boolean | undefined;

/**
 * Closes a descriptor when this thread ends for any reason. Returns its new number, for
 * {@linkcode closeEarly}. Does nothing in the first thread, which ends with the process, and if the
 * C library is not glibc.
 *
 * @throws {Error} With the `code` of the system. The descriptor is unchanged.
 */
export function closeWithThread(fd: number): number {
  mayRegister ??= libc.gettid() !== adapter.pid && isGlibc();
  if (!mayRegister) return fd;
  const [number] = placeholders;
  if (number === undefined) {
    callAtThreadEnd("close", fd);
    registered.add(fd);
    return fd;
  }
  // SAFETY: this thread registered `number`, so the file that dup3(2) closes is its own
  // placeholder.
  if (libc.dup3(fd, number, O_CLOEXEC) < 0) throw systemError("keep", `descriptor ${fd}`, errno());
  placeholders.delete(number);
  closeFile(fd);
  return number;
}

/** Closes a descriptor that {@linkcode closeWithThread} returned and that holds no lock. */
export function closeEarly(fd: number): void {
  if (!registered.has(fd)) return closeFile(fd);
  const [other] = placeholders;
  if (other !== undefined) libc.dup3(other, fd, O_CLOEXEC);
  else {
    const folder = libc.open(FOLDER, O_PATH | O_CLOEXEC, 0);
    // If the process has no descriptor left, the file itself stays as the placeholder.
    if (folder >= 0) {
      libc.dup3(folder, fd, O_CLOEXEC);
      closeFile(folder);
    }
  }
  placeholders.add(fd);
}

/** Lets the C library call one of its functions with this argument when this thread ends. */
function callAtThreadEnd(name: string, argument: number): void {
  const address = addressOfFunction(name);
  // SAFETY: the function takes one integer, and is part of the library that the third argument, an
  // address in it, keeps from being unloaded before the call. That argument must not be null.
  if (libc.__cxa_thread_atexit_impl(address, argument, address) !== 0) {
    throw systemError("close with its thread", `descriptor ${argument}`, ENOMEM);
  }
}

function isGlibc(): boolean {
  try {
    return libc.__cxa_thread_atexit_impl !== undefined;
  } catch (error) {
    if (error instanceof UnsupportedError) return false; // musl has no such function.
    throw error;
  }
}
