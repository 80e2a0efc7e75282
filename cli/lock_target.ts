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
import type { Deadline } from "../src/contract/deadline.ts";
import { capabilitiesOf } from "../src/files/capabilities.ts";
import { TrackedLockFile } from "../src/files/tracked_lock_file.ts";
import { cancelWait, type KernelWait, startWait } from "../src/files/kernel_waits.ts";
import { adapter } from "../src/runtime/adapters/adapter.ts";
import { DescriptorLockFile } from "../src/runtime/file_locks/descriptor_lock_file.ts";
import { isInherited } from "../src/runtime/files/descriptors.ts";
import type { LockFile } from "../src/runtime/file_locks/lock_file.ts";

/** The mode of new files, as in flock(1): the umask decides which users may lock them. */
const MODE = 0o666;

/** What to lock: a file, a folder, or the open file of a descriptor of the shell. */
export interface Target {
  readonly file: LockFile;
  /** Takes the lock if it is free. */
  tryTake(shared: boolean): boolean;
  /** Waits for the lock. */
  take(shared: boolean, deadline: Deadline): Promise<void>;
  /** Releases the lock, if it is held, and closes the file. */
  close(reason: Error): void;
}

/** Opens an existing file or folder. Follows links, like flock(1). */
export function openTarget(path: string, write = true): Target {
  if (lookAt(path)?.isDirectory()) {
    return new DescriptorTarget(DescriptorLockFile.openFolder(path));
  }
  return new TrackedLockFile(realPath(path), { write });
}

/**
 * The same for a command, which inherits the descriptor and may run the file or replace its contents.
 * So opens the file for reading only, except on a network file system, which may lock for writers
 * only. Creates a missing file.
 */
export function openForCommand(path: string): { readonly target: Target; readonly isNew: boolean } {
  const isNew = lookAt(path) === null && make(path);
  const target = openTarget(path, false);
  if (capabilitiesOf(target.file).network === undefined) return { target, isNew };
  target.close(new Error("The file is opened again"));
  return { target: openTarget(path), isNew };
}

/** Returns the target of a descriptor that the shell has opened, such as 9 by `9>file`. */
export function inheritedTarget(fd: number): Target {
  if (!adapter.mayCallC()) {
    throw new Error(`Cannot lock descriptor ${fd}: this needs Linux and foreign functions`);
  }
  if (!isInherited(fd)) {
    throw new Error(
      `Cannot lock descriptor ${fd}: it is not open. Open it in the shell, for example by ${fd}>FILE`,
    );
  }
  return new DescriptorTarget(new DescriptorLockFile(fd, `descriptor ${fd}`));
}

/** What is at a path: `null` if nothing is, `undefined` if only opening it can tell the reason. */
export function lookAt(path: string): Stats | null | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    if ((error as { errno?: number }).errno !== undefined) return undefined;
    throw error; // The runtime refuses, not the system: a permission is missing.
  }
}

/** Creates a file; returns whether this call made it, not another process or a link. */
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
  return false; // Opening it will give the reason.
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch {
    // Opening the file will give the reason.
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** A target that is locked by its descriptor. This process has no other wait. */
class DescriptorTarget implements Target {
  readonly file: LockFile;

  constructor(file: LockFile) {
    this.file = file;
  }

  tryTake(shared: boolean): boolean {
    return this.file.tryLock(shared);
  }

  take(shared: boolean, deadline: Deadline): Promise<void> {
    return new Promise((resolve, reject) => {
      deadline.throwIfAborted();
      const wait: KernelWait = {
        file: this.file,
        shared,
        onEnd: (locked, error) => {
          stop();
          try {
            if (error !== undefined) throw error;
            deadline.throwIfAborted();
            if (!locked) throw deadline.timeout();
            resolve(); // Even if the time ran out: it has the lock.
          } catch (failure) {
            if (locked) this.file.unlock();
            reject(failure);
          }
        },
      };
      const cancel = () => cancelWait(wait);
      const stop = deadline.watch(cancel, cancel);
      startWait(wait);
    });
  }

  close(): void {
    this.file.close();
  }
}
