import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import { capabilitiesOf } from "../src/files/capabilities.ts";
import { TrackedLockFile } from "../src/files/tracked_lock_file.ts";
import type { Deadline } from "../src/files/deadline.ts";
import { cancelWait, type KernelWait, startWait } from "../src/files/kernel_waits.ts";
import { adapter } from "../src/runtime/adapter.ts";
import { DescriptorLockFile } from "../src/runtime/descriptor_lock_file.ts";
import { isInherited } from "../src/runtime/descriptors.ts";
import type { LockFile } from "../src/runtime/lock_file.ts";

/** As flock(1) makes its files: everybody may lock them whom the umask lets. */
const MODE = 0o666;
/** The longest time that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

/** What is locked: a file, a folder, or what a descriptor of the shell leads to. */
export interface Target {
  readonly file: LockFile;
  /** Takes the lock if it is free. */
  tryTake(shared: boolean): boolean;
  /** Waits for the lock. False where the time ran out. */
  take(shared: boolean, deadline: Deadline): Promise<boolean>;
  /** Gives the lock back, if it is held, and closes the file. */
  close(reason: Error): void;
}

/** Opens a file or a folder that is there. Follows links, as flock(1) does. */
export function openTarget(path: string, write = true): Target {
  if (lookAt(path)?.isDirectory()) {
    return new DescriptorTarget(DescriptorLockFile.openFolder(path));
  }
  return new TrackedLockFile(realPath(path), { write });
}

/**
 * The same for a command, which inherits what is opened, and may run the file or replace its
 * contents: for reading alone, but on a network file system, which may lock for writers only. A
 * file that is missing is made.
 */
export function openForCommand(path: string): { readonly target: Target; readonly isNew: boolean } {
  const isNew = lookAt(path) === null && make(path);
  const target = openTarget(path, false);
  if (capabilitiesOf(target.file).network === undefined) return { target, isNew };
  target.close(new Error("It is opened anew"));
  return { target: openTarget(path), isNew };
}

/** What the shell has opened for this process, such as 9 by `9>file`. */
export function inheritedTarget(fd: number): Target {
  if (!adapter.mayCallC()) {
    throw new Error(`Cannot lock descriptor ${fd}: that needs Linux and foreign functions`);
  }
  if (!isInherited(fd)) {
    throw new Error(
      `Cannot lock descriptor ${fd}: no file was opened as that, as by ${fd}>FILE in the shell`,
    );
  }
  return new DescriptorTarget(new DescriptorLockFile(fd, `descriptor ${fd}`));
}

/** What is there: `null` if nothing is, `undefined` if opening it will say why it cannot be told. */
export function lookAt(path: string): Stats | null | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    if ((error as { errno?: number }).errno !== undefined) return undefined;
    throw error; // Not the system refuses, but the runtime: a permission is missing.
  }
}

/** Whether it was made here, and not by another at the same time, or through a link. */
function make(path: string): boolean {
  const { O_RDONLY, O_CREAT, O_EXCL, O_NOCTTY, O_NONBLOCK } = constants;
  for (const more of [O_EXCL, O_EXCL, 0]) {
    try {
      closeSync(openSync(path, O_RDONLY | O_CREAT | O_NOCTTY | O_NONBLOCK | more, MODE));
      return more !== 0;
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") makeFolder(dirname(path));
    }
  }
  return false; // Opening it says what is wrong.
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch {
    // Opening the file says what is wrong.
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Something that is locked by its descriptor; a wait for it is the only one of this process. */
class DescriptorTarget implements Target {
  readonly file: LockFile;

  constructor(file: LockFile) {
    this.file = file;
  }

  tryTake(shared: boolean): boolean {
    return this.file.tryLock(shared);
  }

  take(shared: boolean, { at, signal }: Deadline): Promise<boolean> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const wait: KernelWait = {
        file: this.file,
        shared,
        onEnd: (locked, error) => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
          if (error !== undefined) return reject(error);
          if (!signal?.aborted) return resolve(locked); // Also if it came late, now that it is there.
          if (locked) this.file.unlock();
          reject(signal.reason);
        },
      };
      const abort = () => cancelWait(wait);
      signal?.addEventListener("abort", abort);
      const left = Math.min(Math.max(0, at - performance.now()), LONGEST_MS);
      if (at !== Infinity) timer = setTimeout(abort, left);

      startWait(wait);
    });
  }

  close(): void {
    this.file.close();
  }
}
