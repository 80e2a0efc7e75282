import type { FileAccessOptions } from "../contract/file_access.ts";
import { nameOf } from "../contract/options.ts";
import type { PathLike } from "../contract/path_like.ts";
import {
  fileLength,
  type FileSize,
  type MapOptions,
  type MemoryFileOptions,
  memoryFileOptions,
} from "./memory_file.ts";
import type { MemoryHandle } from "./region.ts";

/** Options for `Segment.anonymous`, and of those for `Segment.open`. */
export interface DeadlockOptions {
  /**
   * Whether waits for the locks of the segment, by this object, look for deadlocks. If threads, of any
   * processes, wait for each other in a cycle, the wait of one of them fails with a `DeadlockError`
   * that prints the cycle. Waits look after 10 ms, so nothing else becomes slower. At least one thread
   * of the cycle must look.
   *
   * A cycle is broken only if none of its waits could end: each wait blocks its thread, or is made
   * within the body of a `withLock` that keeps the lock. Every other cycle is only reported, by a
   * process warning (`DeadlockWarning`) and the channel `interlock:deadlock`: at once if one of the
   * waits has a timeout or a signal; after a second if a thread waits by a task, while another of its
   * tasks may go on and release the lock.
   *
   * If the variable `INTERLOCK_TRACE` of the environment is `1` when a lock is first asked for by its
   * name, the message has the lines of the source where this thread acquired the locks. Deno needs
   * `--allow-env` for that.
   *
   * @default {false}
   */
  detectDeadlocks?: boolean;
}

/** Options for `Segment.open`. */
export interface SegmentOptions extends MapOptions, DeadlockOptions {
  /**
   * The bytes for the things in the segment, at least. Each named thing takes 128 bytes and its own
   * size, rounded up to 128. With the header of 266,240 bytes, a segment has at most 1 GiB. A
   * segment that exists grows to this size; those who have it open see its new names. Default:
   * 65,536 for a new segment (or `maxSize`, if that is less), and any size for one that exists.
   */
  size?: number;
  /**
   * The bytes that the segment may grow to by itself when there is no room for a new name. The
   * greatest that any of its openers gave counts. Default: it does not grow by itself.
   */
  maxSize?: number;
  /**
   * Whether each access by a name (`segment.mutex("jobs")`, ...) checks that the segment was not
   * removed or replaced since it was opened, and throws a `StaleSegmentError` if it was. For
   * deploys that replace segments while old programs run: ask for the mutex by its name each time,
   * and look at `segment.stale` inside of the lock. The check costs a system call.
   *
   * @default {false}
   */
  checkStale?: boolean;
  /**
   * The folder of the segment. Default: what the variable `INTERLOCK_DIR` of the environment says,
   * else `/dev/shm/interlock-UID`, for this user alone. A segment for other users (`mode`) needs a
   * folder that they can use.
   */
  directory?: PathLike;
}

/** The handle of a segment, to post to a worker for {@linkcode Segment.from}. */
export type SegmentHandle =
  | { readonly memory: MemoryHandle; readonly detectDeadlocks?: boolean }
  | {
    readonly name: string;
    /** As bytes if it is not UTF-8. */
    readonly directory: string | Uint8Array;
    readonly id: string;
    /** The users that it is for, if not this one alone. */
    readonly access?: FileAccessOptions;
    readonly checkStale?: boolean;
    readonly detectDeadlocks?: boolean;
  };

/** Options for `Segment.list` and `Segment.remove`. */
export type SegmentFolderOptions = Pick<SegmentOptions, "directory" | "mode" | "group">;

/** A segment in the result of {@linkcode Segment.list}. */
export interface SegmentInfo {
  /** The name, for {@linkcode Segment.open}. */
  readonly name: string;
  /** The bytes for the things in the segment. */
  readonly size: number;
}

/** The bytes of a segment whose size is not given. */
export const DEFAULT_SIZE = 65536;

/** What the options of `Segment.open` say, checked. */
export interface SegmentOpening {
  readonly sizes: FileSize;
  readonly opening: MemoryFileOptions;
  readonly checkStale: boolean;
  readonly detectDeadlocks: boolean;
}

/**
 * Checks the options of `Segment.open`, except for the directory.
 *
 * @throws {TypeError} If one has a wrong type.
 * @throws {RangeError} If a size is not one that a segment can have, or the mode is not.
 * @throws {Error} If the system does not know the group.
 */
export function checkSegmentOptions(options: SegmentOptions): SegmentOpening {
  const { size, maxSize, checkStale = false } = options;
  if (typeof checkStale !== "boolean") {
    throw new TypeError(
      `Cannot open a segment: checkStale must be true or false, not ${nameOf(checkStale)}`,
    );
  }
  if (maxSize !== undefined && fileLength(maxSize, "maxSize") < fileLength(size ?? 1)) {
    throw new RangeError(
      `Cannot open a segment: maxSize (${maxSize}) must not be less than size (${size})`,
    );
  }
  const create = size ?? Math.min(DEFAULT_SIZE, maxSize ?? DEFAULT_SIZE);
  return {
    sizes: { create, minimum: size, most: maxSize },
    opening: memoryFileOptions(options, "open a segment"),
    checkStale,
    detectDeadlocks: checkDeadlockOptions(options, "open a segment"),
  };
}

/** Whether waits look for deadlocks. */
export function checkDeadlockOptions(
  { detectDeadlocks = false }: DeadlockOptions,
  task: string,
): boolean {
  if (typeof detectDeadlocks === "boolean") return detectDeadlocks;
  throw new TypeError(
    `Cannot ${task}: detectDeadlocks must be true or false, not ${nameOf(detectDeadlocks)}`,
  );
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Checks the name of a segment, which is that of its file. */
export function checkSegmentName(name: string): void {
  if (typeof name === "string" && NAME.test(name)) return;
  throw new TypeError(
    `Cannot use ${nameOf(name)} as the name of a segment: it must begin with a letter or ` +
      'digit, and have at most 128 letters, digits, ".", "_" and "-"',
  );
}
