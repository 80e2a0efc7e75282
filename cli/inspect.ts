import type { Command } from "commander";
import { inspectSegment } from "../src/memory/inspection.ts";
import { Segment } from "../src/memory/mod.ts";
import { homeOfSegments } from "../src/memory/segment_home.ts";
import { adapterOf } from "../src/redis/adapter_of.ts";
import {
  type InspectedLock,
  type InspectedSemaphore,
  inspectRedis,
} from "../src/redis/inspection.ts";
import { redisReport, segmentReport, type SegmentView } from "./inspect_table.ts";
import { interruptible, print } from "./interruption.ts";
import { UsageError } from "./usage_error.ts";

interface Flags {
  readonly redis?: string;
  readonly match?: string;
  readonly counters?: string;
  readonly all?: true;
  readonly json?: true;
}

/** How long a server is waited for, in milliseconds. */
const PATIENCE_MS = 2000;

/** Adds `interlock inspect`. */
export function addInspect(program: Command): void {
  program.command("inspect")
    .summary("show locks, semaphores and counters: who holds them, who waits")
    .description(
      "Shows what a Redis or Valkey server has of Interlock: locks and semaphores, who holds them " +
        "and for how long, who waits, the last tokens; and counters, where a pattern is given. " +
        "It only reads, and does not stop the server. Without --redis: the segments of this user " +
        "and what lies in them.",
    )
    .option("--redis <url>", "the server, such as redis://user:password@host:6379/0")
    .option("--match <pattern>", "the names of locks and semaphores, as SCAN matches (default *)")
    .option("--counters <pattern>", "the keys of counters to show, such as visits:*")
    .option("--all", "also locks and semaphores that nobody holds, waits for, or left unreleased")
    .option("--json", "one line of JSON, for programs")
    .action((flags: Flags) => interruptible((signal) => inspect(flags, signal)));
}

async function inspect(flags: Flags, signal: AbortSignal): Promise<void> {
  const { redis, match, counters, all, json } = flags;
  if (redis !== undefined) {
    const adapter = adapterOf(redis, { commandTimeout: PATIENCE_MS });
    try {
      const server = URL.canParse(redis) ? new URL(redis).host : undefined;
      const found = await inspectRedis(adapter, { match, counters, signal, server });
      const locks = found.locks.filter((lock) => all || isUsed(lock));
      const semaphores = found.semaphores.filter((semaphore) => all || isUsed(semaphore));
      const idle = found.locks.length + found.semaphores.length - locks.length -
        semaphores.length;
      const shown = { ...found, locks, semaphores, idle };
      return await print(json ? JSON.stringify(shown) : redisReport(shown, counters));
    } finally {
      await adapter.close();
    }
  }
  if (match !== undefined || counters !== undefined || all) {
    throw new UsageError("Cannot look: --match, --counters and --all want a server, by --redis");
  }
  const segments = viewSegments();
  await print(json ? JSON.stringify({ segments }) : segmentReport(segments));
}

/** Whether anybody has to do with it now, or it was left unreleased. */
function isUsed(
  { holders, waiters, abandonedBy }:
    & Pick<InspectedSemaphore, "holders" | "waiters">
    & Partial<InspectedLock>,
): boolean {
  return holders.length > 0 || waiters.length > 0 || abandonedBy !== undefined;
}

function viewSegments(): SegmentView[] {
  return Segment.list().map(({ name, size }) => {
    try {
      return { name, size, cells: inspectSegment(`${homeOfSegments()}/${name}`) };
    } catch (error) {
      return { name, size, cells: [], error: (error as Error).message };
    }
  });
}
