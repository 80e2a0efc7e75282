import { nameOf } from "../contract/options.ts";
import type { PathLike } from "../contract/path_like.ts";
import type { OpenMode } from "./memory_file.ts";
import type { MemoryHandle } from "./region.ts";

/** Options for `Segment.open`. */
export interface SegmentOptions {
  /**
   * The bytes for the things in the segment, at least. Each named thing takes 128 bytes and its own
   * size, rounded up to 128. With the header of 266,240 bytes, a segment has at most 1 GiB. Default:
   * 65,536 for a new segment, and any size for one that exists.
   */
  size?: number;
  /**
   * Whether the segment may exist, must exist (`open`) or must not exist (`create`).
   *
   * @default {"open-or-create"}
   */
  mode?: OpenMode;
  /** The folder of the segment. Default: `/dev/shm/interlock-UID`, for this user alone. */
  directory?: PathLike;
}

/** The handle of a segment, to post to a worker for {@linkcode Segment.from}. */
export type SegmentHandle =
  | { readonly memory: MemoryHandle }
  | {
    readonly name: string;
    /** As bytes if it is not UTF-8. */
    readonly directory: string | Uint8Array;
    readonly id: string;
  };

/** A segment in the result of {@linkcode Segment.list}. */
export interface SegmentInfo {
  /** The name, for {@linkcode Segment.open}. */
  readonly name: string;
  /** The bytes for the things in the segment. */
  readonly size: number;
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
