import type { AcquireOptions } from "../contract/options.ts";
import type { ByteRange } from "../runtime/range_lock.ts";
import { LABEL_LENGTH } from "./lock_record.ts";

/** How to wait for a {@linkcode FileLock}, and for what. */
export interface FileAcquireOptions extends AcquireOptions {
  /**
   * Shared with other shared holders, instead of alone.
   *
   * @default {false} or what the lock was made with
   */
  shared?: boolean;
}

/** How a {@linkcode FileLock} is to be. */
export interface FileLockOptions {
  /**
   * What `acquire`, `acquireSync` and `tryAcquire` take where they are not told: shared with other
   * shared holders, or alone.
   *
   * @default {false}
   */
  shared?: boolean;
  /**
   * Whether this object, while it holds the lock, can take it again. Each guard is released by
   * itself, and the last one gives the lock back. It is the object that matters, not the task.
   *
   * @default {false}
   */
  reentrant?: boolean;
  /** What the holder calls itself in its record, 100 characters at most. */
  label?: string;
  /**
   * Whether a guard that holds exclusively enters its record (who holds it, and the token) in the
   * lock file, if that is empty or has one already. It costs two reads and two short writes, more than
   * the lock itself; without it there is no owner, no token, and nobody learns of a holder's death.
   *
   * @default {true}
   */
  record?: boolean;
  /**
   * Whether somebody may remove or replace the file while it is in use: each hold begins with a
   * look at where the path leads then. `false` looks every 10 ms and after each wait, which makes
   * a guard that enters no record half as costly.
   *
   * @default {true}
   */
  replaceable?: boolean;
  /**
   * Locks a part of the file alone, by open file description locks (Linux) or by `LockFileEx`
   * (Windows, where nobody else can read what is locked alone). A part and the whole file do not
   * exclude each other: those are two kinds of lock. There is no record of it.
   */
  range?: ByteRange;
}

/** Throws where an option is not what it must be. */
export function checkOptions(options: FileLockOptions): void {
  const { label, range } = options;
  for (const name of ["shared", "reentrant", "record", "replaceable"] as const) {
    const value = options[name];
    if (value !== undefined && typeof value !== "boolean") {
      throw new TypeError(
        `Cannot make a file lock: ${name} must be true or false: ${typeof value}`,
      );
    }
  }
  if (label !== undefined && (typeof label !== "string" || label.length > LABEL_LENGTH)) {
    const what = typeof label === "string" ? `${label.length} characters` : typeof label;
    throw new RangeError(
      `Cannot make a file lock: label must be a string of ${LABEL_LENGTH} characters at most: ${what}`,
    );
  }
  if (range === undefined) return;
  for (const name of ["start", "length"] as const) {
    const value = range[name];
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new RangeError(
      `Cannot make a file lock: range.${name} must be a whole number from 0: ${String(value)}`,
    );
  }
}
