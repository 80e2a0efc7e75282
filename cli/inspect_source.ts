import { printable, UNPRINTABLE } from "../src/contract/printable.ts";
import type { InspectedLockFile } from "../src/files/inspection.ts";
import { UsageError } from "../src/host/usage_error.ts";
import {
  inspectSegments,
  type SegmentView,
  sizeOf,
  viewSegment,
} from "../src/memory/inspection.ts";
import { folderOfSegments } from "../src/memory/segment_home.ts";
import { checkSegmentName } from "../src/memory/segment_options.ts";
import type { LocalView, Source, SourceFlags } from "./inspect_view.ts";

/**
 * Returns what the arguments of a command name.
 *
 * @throws {UsageError} If they exclude each other.
 */
export async function sourceOf(targets: readonly string[], flags: SourceFlags): Promise<Source> {
  const { redis, match, counters, all } = flags;
  if (redis === undefined) {
    if (match !== undefined || counters !== undefined || all) {
      throw new UsageError("Cannot inspect: --match, --counters and --all need --redis");
    }
    refuseAddresses(targets, "inspect");
    return { look: () => look(targets), close: async () => {} };
  }
  if (targets.length > 0) {
    throw new UsageError("Cannot inspect: --redis takes no names or paths; see --match");
  }
  const { redisSource } = await import("./inspect_redis.ts");
  return await redisSource(redis, flags);
}

/**
 * Refuses the address of a server among names and paths, and does not show it: it may have a password.
 *
 * @throws {UsageError} If there is one.
 */
export function refuseAddresses(targets: readonly string[], verb: string): void {
  if (!targets.some((target) => target.includes("://"))) return;
  throw new UsageError(
    `Cannot ${verb} a server by its name or path; see interlock inspect --redis`,
  );
}

/** Inspects segments and lock files; without targets, all segments of this user. */
async function look(targets: readonly string[]): Promise<LocalView> {
  if (targets.length === 0) return { segments: inspectSegments(folderOfSegments(undefined)) };
  const segments: SegmentView[] = [];
  const files: InspectedLockFile[] = [];
  for (const target of new Set(targets)) {
    if (!target.includes("/")) {
      segments.push(viewSegment(target, pathOfSegment(target, "inspect")));
    } else if (sizeOf(target) === undefined) {
      const { inspectLockFile } = await import("../src/files/inspection.ts");
      files.push(inspectLockFile(target));
    } else segments.push(viewSegment(target.slice(target.lastIndexOf("/") + 1), target));
  }
  return { segments, ...files.length > 0 && { files } };
}

/**
 * The path of a segment of this user.
 *
 * @throws {Error} If there is none, or the name cannot be one.
 */
export function pathOfSegment(name: string, task: string): string {
  checkSegmentName(name);
  const folder = folderOfSegments(undefined);
  const path = `${folder}/${name}`;
  if (sizeOf(path) !== undefined) return path;
  throw new Error(
    `Cannot ${task} "${printable(name)}": there is no such segment in ${printable(folder)}` +
      (task === "inspect" ? `. For a file in this folder, give ./${printable(name)}` : ""),
  );
}

/**
 * JSON in which nothing is rounded, and nothing acts on a terminal: a number beyond 2^53 is a text,
 * since most programs round it, and what a terminal would act on is escaped.
 */
export function jsonOf(value: unknown): string {
  const exact = (_: string, one: unknown) => typeof one === "bigint" ? `${one}` : one;
  return JSON.stringify(value, exact).replace(
    UNPRINTABLE,
    (one) =>
      Array.from(
        { length: one.length },
        (_, i) => `\\u${one.charCodeAt(i).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}
