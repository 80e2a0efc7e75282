import { checkFileAccess, type FileAccessOptions } from "../contract/file_access.ts";
import { type AcquireOptions, checkAcquireOptions, nameOf } from "../contract/options.ts";
import type { ByteRange } from "../runtime/file_locks/byte_range.ts";
import { LABEL_LENGTH } from "./lock_record.ts";

/** Options for acquiring a `FileLock`. */
export interface FileAcquireOptions extends AcquireOptions {
  /**
   * Whether other shared holders may be inside as well; else the hold is exclusive.
   *
   * @default {false} or what the lock was made with
   */
  shared?: boolean;
}

/** Options for `FileLock.ofDescriptor`. */
export interface DescriptorLockOptions {
  /**
   * The default of `shared` for `acquire`, `acquireSync`, `tryAcquire` and `runSync`.
   *
   * @default {false}
   */
  shared?: boolean;
  /**
   * Whether this object can acquire the lock again while it holds it. Each guard is released on its
   * own, and the last one releases the lock. The guards of one hold change their mode together.
   * Reentrancy belongs to the object, not to the task.
   *
   * @default {false}
   */
  reentrant?: boolean;
}

/** Options for `FileLock`. */
export interface FileLockOptions extends DescriptorLockOptions, FileAccessOptions {
  /** A name for the holder in its record, at most 100 characters. */
  label?: string;
  /**
   * Whether an exclusive guard writes its record (the holder and the token) to the lock file, if
   * the file is empty or has a record already. That takes two reads and two short writes, more than
   * the lock itself. Without a record there is no owner, no token, and no sign that a holder died.
   *
   * @default {true}
   */
  record?: boolean;
  /**
   * Whether the file may be removed or replaced while it is in use: each acquire checks the
   * path. `false` checks it every 10 ms and after each wait, which halves the cost of a guard that
   * writes no record.
   *
   * @default {true}
   */
  replaceable?: boolean;
  /**
   * Locks only a range of the file, by open file description locks (Linux) or by `LockFileEx`
   * (Windows; other processes cannot read an exclusive range there). A range and the whole file do
   * not exclude each other: those are two kinds of lock. A range has no record.
   */
  range?: ByteRange;
}

/** Throws unless the options of a `FileLock` have the right types. */
export function checkLockOptions(options: FileLockOptions): void {
  const task = "make a file lock";
  checkObject(options, "options", task);
  const { label, range } = options;
  for (const name of ["shared", "reentrant", "record", "replaceable"] as const) {
    checkBoolean(options[name], name, task);
  }
  if (label !== undefined && typeof label !== "string") {
    throw new TypeError(`Cannot ${task}: label must be a string, not ${nameOf(label)}`);
  }
  if (label !== undefined && label.length > LABEL_LENGTH) {
    throw new RangeError(
      `Cannot ${task}: label must have at most ${LABEL_LENGTH} characters (given ${label.length})`,
    );
  }
  checkFileAccess(options, task);
  if (range === undefined) return;
  checkObject(range, "range", task);
  for (const name of ["start", "length"] as const) {
    const value: unknown = range[name];
    if (Number.isSafeInteger(value) && (value as number) >= 0) continue;
    throw new RangeError(
      `Cannot ${task}: range.${name} must be a whole number from 0, not ${nameOf(value)}`,
    );
  }
}

/** Returns a number that may be a descriptor; throws for any other value. */
export function checkDescriptor(descriptor: unknown): number {
  if (
    Number.isInteger(descriptor) && (descriptor as number) >= 0 && descriptor as number < 2 ** 31
  ) {
    return descriptor as number;
  }
  throw new TypeError(
    `Cannot make a file lock: a descriptor must be a whole number from 0, not ${
      nameOf(descriptor)
    }`,
  );
}

/**
 * Whether a hold is shared by the options of a call.
 *
 * @throws {TypeError} If the options have wrong types.
 * @throws {RangeError} If the timeout is negative or NaN.
 */
export function isShared(options: FileAcquireOptions | undefined, standard: boolean): boolean {
  if (options === undefined) return standard;
  checkAcquireOptions(options, "acquire a file lock");
  checkBoolean(options.shared, "shared", "acquire a file lock");
  return options.shared ?? standard;
}

/** Throws unless `value` is an object, for the option `name`. */
export function checkObject(value: unknown, name: string, task: string): void {
  if (typeof value === "object" && value !== null) return;
  throw new TypeError(`Cannot ${task}: ${name} must be an object, not ${nameOf(value)}`);
}

/** Throws unless `value` is `undefined`, true or false, for the option `name`. */
export function checkBoolean(value: unknown, name: string, task: string): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new TypeError(`Cannot ${task}: ${name} must be true or false, not ${nameOf(value)}`);
}

/** Throws unless `value` is a function. */
export function checkFunction(value: unknown, name: string, task: string): void {
  if (typeof value === "function") return;
  throw new TypeError(`Cannot ${task}: ${name} must be a function, not ${nameOf(value)}`);
}
