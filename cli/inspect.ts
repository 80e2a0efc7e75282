import type { Command } from "commander";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import colors from "../src/host/colors.ts";
import { interruptible, print } from "../src/host/interruption.ts";
import { parseNumber } from "../src/host/numbers.ts";
import { invalidOption, UsageError } from "../src/host/usage_error.ts";
import { jsonOf, sourceOf } from "./inspect_source.ts";
import { filesReport, redisReport, segmentsReport } from "./inspect_table.ts";
import { isRedisView, type Source, type SourceFlags, type View } from "./inspect_view.ts";
import { addHelp } from "./options.ts";
import { Rates } from "./rates.ts";
import { widthOf } from "./text.ts";

interface Flags extends SourceFlags {
  readonly json?: true;
  readonly prometheus?: true;
  readonly watch?: true;
  readonly interval?: string;
}

/** Adds the options that name what a command inspects. */
export function addSource(command: Command): Command {
  return command
    .argument("[target...]", "names of segments, and paths (with a /) of lock files and segments")
    .option("--redis <url>", "address of the server, such as redis://user:password@host:6379/0")
    .option(
      "-m, --match <pattern>",
      "names of locks and semaphores, as a SCAN pattern (default: *)",
    )
    .option("-c, --counters <pattern>", "also show the counters whose keys match, such as visits:*")
    .option("-a, --all", "also show locks and semaphores that are not in use");
}

/** Adds `interlock inspect`. */
export function addInspect(program: Command): void {
  const command = addSource(program.command("inspect"))
    .summary("show locks, semaphores and counters, with their holders and waiters")
    .description(
      "Shows Interlock's locks and semaphores on a Redis or Valkey server: holders, leases, " +
        "waiters and last tokens; with --counters also counters. Only reads, and does not block " +
        "the server. Without --redis: shows the segments of this user (in the folder that " +
        "INTERLOCK_DIR names, if it is set): values, holders and whether they are dead, waiters, " +
        "and the threads that have them open. With a path: shows who holds that lock file, or " +
        "what is in that file of a segment. Takes no lock and writes nothing.",
    )
    .option("-j, --json", "print one line of JSON")
    .option("-p, --prometheus", "print metrics in the text format of Prometheus")
    .option("-w, --watch", "show it again and again, until Ctrl-C")
    .option("-i, --interval <seconds>", "how often --watch looks (default: 1)")
    .action((targets: string[], flags: Flags) =>
      interruptible((signal) => inspect(targets, flags, signal))
    );
  addHelp(command, {
    examples: [
      ["interlock inspect", "the segments of this user"],
      ["interlock inspect jobs ./backup.lock", "one segment and one lock file"],
      [
        "interlock inspect jobs --watch",
        "one segment, again and again, with the rates of counters",
      ],
      [
        'interlock inspect --redis redis://localhost:6379 -c "visits*"',
        "the locks and semaphores of a server that are in use, and these counters",
      ],
    ],
    statuses: [
      [0, "everything was read"],
      [1, "the server, a segment or a file could not be read"],
    ],
  });
}

async function inspect(
  targets: readonly string[],
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const { json, prometheus, watch: again } = flags;
  if (prometheus && (json || again)) {
    throw new UsageError("Cannot inspect: --prometheus excludes --json and --watch");
  }
  const interval = intervalOf(flags);
  const rates = again ? new Rates() : undefined;
  const metricsOf = prometheus && (await import("./inspect_prometheus.ts")).metricsOf;
  const render = (view: View) =>
    json ? jsonOf(view) : metricsOf ? metricsOf(view) : reportOf(view, flags, rates);
  const source = await sourceOf(targets, flags);
  try {
    if (again) return await watch(source, render, interval, signal);
    const view = await source.look(signal);
    await print(render(view).trimEnd());
    if (!isRedisView(view) && view.segments.some(({ error, damage }) => error ?? damage)) {
      process.exitCode = 1;
    }
  } finally {
    await source.close();
  }
}

function intervalOf({ interval, watch }: Flags): number {
  if (interval === undefined) return 1000;
  if (!watch) throw new UsageError("Cannot inspect: --interval needs --watch");
  const seconds = parseNumber(interval);
  if (seconds !== undefined && seconds >= 0.05 && seconds <= 86_400) return seconds * 1000;
  throw invalidOption("--interval", "be a number of seconds from 0.05 to 86400", interval);
}

/** The text for people. */
function reportOf(view: View, { counters }: Flags, rates?: Rates): string {
  if (isRedisView(view)) return redisReport(view, counters);
  rates?.note(view.segments);
  const { segments, files = [] } = view;
  const parts: string[] = [];
  if (segments.length > 0 || files.length === 0) parts.push(segmentsReport(segments, rates));
  if (files.length > 0) parts.push(filesReport(files));
  return parts.join("\n\n");
}

/** Prints what a source has until the signal aborts; in a terminal, always at the same place. */
async function watch(
  source: Source,
  render: (view: View) => string,
  interval: number,
  signal: AbortSignal,
): Promise<void> {
  const { stdout } = process;
  const isScreen = stdout.isTTY;
  if (isScreen) stdout.write("\x1b[?1049h\x1b[?25l");
  try {
    for (;;) {
      let text: string;
      try {
        text = render(await source.look(signal));
      } catch (error) {
        signal.throwIfAborted();
        text = colors.yellow((error as Error).message); // It may be there again later.
      }
      await print(isScreen ? screenOf(text) : text);
      await sleep(interval, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  } finally {
    if (isScreen) stdout.write("\x1b[?25h\x1b[?1049l");
  }
}

/** A text that replaces the one on the screen, as far as there is room. */
function screenOf(text: string): string {
  const { columns, rows } = process.stdout;
  const [width, height] = [columns || 80, rows || 24]; // 0 if the terminal does not say.
  const lines = [`interlock inspect --watch, ${new Date().toISOString()}`, ...text.split("\n")];
  const fitting = lines.slice(0, height - 1).map((line) =>
    widthOf(line) <= width ? line : stripVTControlCharacters(line).slice(0, width)
  );
  return `\x1b[H${fitting.map((line) => `${line}\x1b[K`).join("\n")}\x1b[J`;
}
