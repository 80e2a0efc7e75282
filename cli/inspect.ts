import type { Command } from "commander";
import process from "node:process";
import { type InspectedLockFile, inspectLockFile } from "../src/files/inspection.ts";
import {
  inspectSegments,
  type SegmentView,
  sizeOf,
  viewSegment,
} from "../src/memory/inspection.ts";
import { folderOfSegments } from "../src/memory/segment_home.ts";
import { checkSegmentName } from "../src/memory/segment_options.ts";
import { adapterOf } from "../src/redis/client/adapter_of.ts";
import { loadNodeRedis } from "../src/redis/client/node_redis_address.ts";
import {
  type InspectedLock,
  type InspectedSemaphore,
  inspectRedis,
} from "../src/redis/inspection.ts";
import { addHelp } from "./options.ts";
import { filesReport, redisReport, segmentsReport } from "./inspect_table.ts";
import { interruptible, print } from "../src/host/interruption.ts";
import { printable, UNPRINTABLE } from "../src/contract/printable.ts";
import { UsageError } from "../src/host/usage_error.ts";

interface Flags {
  readonly redis?: string;
  readonly match?: string;
  readonly counters?: string;
  readonly all?: true;
  readonly json?: true;
}

/** Adds `interlock inspect`. */
export function addInspect(program: Command): void {
  const command = program.command("inspect")
    .summary("show locks, semaphores and counters, with their holders and waiters")
    .description(
      "Shows Interlock's locks and semaphores on a Redis or Valkey server: holders, leases, " +
        "waiters and last tokens; with --counters also counters. Only reads, and does not block " +
        "the server. Without --redis: shows the segments of this user (in the folder that " +
        "INTERLOCK_DIR names, if it is set): values, holders and whether they are dead, waiters, " +
        "and the threads that have them open. With a path: shows who holds that lock file, or " +
        "what is in that file of a segment. Takes no lock and writes nothing.",
    )
    .argument("[target...]", "names of segments, and paths (with a /) of lock files and segments")
    .option("--redis <url>", "address of the server, such as redis://user:password@host:6379/0")
    .option(
      "-m, --match <pattern>",
      "names of locks and semaphores, as a SCAN pattern (default: *)",
    )
    .option("-c, --counters <pattern>", "also show the counters whose keys match, such as visits:*")
    .option("-a, --all", "also show locks and semaphores that are not in use")
    .option("-j, --json", "print one line of JSON")
    .action((targets: string[], flags: Flags) =>
      interruptible((signal) => inspect(targets, flags, signal))
    );
  addHelp(command, {
    examples: [
      ["interlock inspect", "the segments of this user"],
      ["interlock inspect jobs ./backup.lock", "one segment and one lock file"],
      [
        'interlock inspect --redis redis://localhost:6379 -c "visits*"',
        "the locks and semaphores of a server that are in use, and these counters",
      ],
    ],
    statuses: [[0, "everything was read"], [
      1,
      "the server, a segment or a file could not be read",
    ]],
  });
}

async function inspect(
  targets: readonly string[],
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const { redis, match, counters, all, json } = flags;
  if (redis !== undefined) {
    if (targets.length > 0) {
      throw new UsageError("Cannot inspect: --redis takes no names or paths; see --match");
    }
    await loadNodeRedis(); // The time limit of the connection is not for this, on a busy machine.
    const adapter = adapterOf(redis);
    try {
      const server = URL.canParse(redis) ? new URL(redis).host : undefined;
      const found = await inspectRedis(adapter, { match, counters, signal, server });
      const locks = found.locks.filter((lock) => all || isUsed(lock));
      const semaphores = found.semaphores.filter((semaphore) => all || isUsed(semaphore));
      const idle = found.locks.length + found.semaphores.length - locks.length -
        semaphores.length;
      const shown = { ...found, locks, semaphores, idle };
      return await print(json ? jsonOf(shown) : redisReport(shown, counters));
    } finally {
      await adapter.close();
    }
  }
  if (match !== undefined || counters !== undefined || all) {
    throw new UsageError("Cannot inspect: --match, --counters and --all need --redis");
  }
  const found = look(targets);
  const { segments, files } = found;
  const isOnlyFiles = files !== undefined && segments.length === 0;
  const report = () =>
    [
      ...isOnlyFiles ? [] : [segmentsReport(segments)],
      ...files === undefined ? [] : [filesReport(files)],
    ].join("\n\n");
  await print(json ? jsonOf(found) : report());
  if (segments.some(({ error, damage }) => error ?? damage)) process.exitCode = 1;
}

/** What this machine has, without a server. */
interface LocalView {
  readonly segments: readonly SegmentView[];
  readonly files?: readonly InspectedLockFile[];
}

/** Inspects segments and lock files; without targets, all segments of this user. */
function look(targets: readonly string[]): LocalView {
  if (targets.length === 0) return { segments: inspectSegments(folderOfSegments(undefined)) };
  const segments: SegmentView[] = [];
  const files: InspectedLockFile[] = [];
  for (const target of targets) {
    if (target.includes("/")) {
      const size = sizeOf(target);
      if (size === undefined) files.push(inspectLockFile(target));
      else segments.push(viewSegment(target.slice(target.lastIndexOf("/") + 1), target, size));
      continue;
    }
    checkSegmentName(target);
    const folder = folderOfSegments(undefined);
    const path = `${folder}/${target}`;
    if (sizeOf(path) === undefined) {
      throw new Error(
        `Cannot inspect "${printable(target)}": there is no such segment in ${
          printable(folder)
        }. ` +
          `For a file in this folder, give ./${printable(target)}`,
      );
    }
    segments.push(viewSegment(target, path));
  }
  return { segments, ...files.length > 0 && { files } };
}

/**
 * JSON in which nothing is rounded, and nothing acts on a terminal: a number beyond 2^53 is a text,
 * since most programs round it, and what a terminal would act on is escaped.
 */
function jsonOf(value: unknown): string {
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

/** Whether it has a holder or a waiter, or its last holder did not release it. */
function isUsed(
  { holders, waiters, abandonedBy }:
    & Pick<InspectedSemaphore, "holders" | "waiters">
    & Partial<InspectedLock>,
): boolean {
  return holders.length > 0 || waiters.length > 0 || abandonedBy !== undefined;
}
