import type { Command } from "commander";
import { inspectSegment } from "../src/memory/inspection.ts";
import { folderOfSegments, memoriesIn } from "../src/memory/segment_home.ts";
import { adapterOf } from "../src/redis/client/adapter_of.ts";
import {
  type InspectedLock,
  type InspectedSemaphore,
  inspectRedis,
} from "../src/redis/inspection.ts";
import { addHelp } from "./options.ts";
import { redisReport, segmentReport, type SegmentView } from "./inspect_table.ts";
import { interruptible, print } from "../src/host/interruption.ts";
import { UNPRINTABLE } from "../src/contract/printable.ts";
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
        "INTERLOCK_DIR names, if it is set), their contents, and the threads that have them open.",
    )
    .option("--redis <url>", "address of the server, such as redis://user:password@host:6379/0")
    .option(
      "-m, --match <pattern>",
      "names of locks and semaphores, as a SCAN pattern (default: *)",
    )
    .option("-c, --counters <pattern>", "also show the counters whose keys match, such as visits:*")
    .option("-a, --all", "also show locks and semaphores that are not in use")
    .option("-j, --json", "print one line of JSON")
    .action((flags: Flags) => interruptible((signal) => inspect(flags, signal)));
  addHelp(command, {
    examples: [
      ["interlock inspect", "the segments of this user"],
      [
        'interlock inspect --redis redis://localhost:6379 -c "visits*"',
        "the locks and semaphores of a server that are in use, and these counters",
      ],
    ],
    statuses: [[0, "everything was read"], [1, "the server or the memory could not be read"]],
  });
}

async function inspect(flags: Flags, signal: AbortSignal): Promise<void> {
  const { redis, match, counters, all, json } = flags;
  if (redis !== undefined) {
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
  const segments = viewSegments();
  await print(json ? jsonOf({ segments }) : segmentReport(segments));
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

function viewSegments(): SegmentView[] {
  const folder = folderOfSegments(undefined);
  return memoriesIn(folder).map(({ name, size }) => {
    try {
      return { name, size, ...inspectSegment(`${folder}/${name}`) };
    } catch (error) {
      return { name, size, cells: [], error: (error as Error).message };
    }
  });
}
