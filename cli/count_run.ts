import { tmpdir } from "node:os";
import process from "node:process";
import { MOST_INCREMENTS } from "../src/counting/calibration.ts";
import type { CountConfig, Run } from "../src/counting/config.ts";
import type { CountResult } from "../src/counting/result.ts";
import { runStrategy } from "../src/counting/run.ts";
import { needsRedis, STRATEGY_NAMES, type StrategyName } from "../src/counting/strategies/names.ts";
import { print } from "../src/host/interruption.ts";
import { describeMachine, fileSystemOf } from "../src/host/machine.ts";
import { Progress } from "../src/host/progress.ts";
import { findRedisServer, NO_SERVER, PrivateServer } from "../src/host/redis_server.ts";
import { findAvailable, findRuntimes, type Runtime } from "../src/host/runtimes.ts";
import { adapter } from "../src/runtime/mod.ts";
import type { RuntimeName } from "../src/runtime/adapters/port.ts";
import { type CountOutput, CsvOutput, JsonOutput, MarkdownOutput } from "./count_export.ts";
import { leftOutOn } from "./count_limits.ts";
import { nameOf } from "./count_outcome.ts";
import { CountReport } from "./count_report.ts";
import { wordOf } from "./count_story.ts";

const ALL_RUNTIMES: readonly RuntimeName[] = ["deno", "bun", "node"];
/** Characters in a line if neither a terminal nor `COLUMNS` tells, and the least of them. */
const [ROOM, LEAST_ROOM] = [80, 30];
/** What workers of all runtimes count with together: exact, and each shares something else. */
const TOGETHER: ReadonlySet<StrategyName> = new Set([
  ...["file-lock", "value-lock", "raw-value-lock", "array-lock", "manager"] as const,
  ...["atomic", "striped", "redis", "redis-lock"] as const,
]);
/** Steps of the progress bar for a worker: it is ready, and it has counted. */
const STEPS = 2;
/** The end of an error of a process, or of its workers, about a disk to which it cannot write. */
const FULL_DISK = /\((?:ENOSPC|EDQUOT|EROFS)\)$/;

/** The experiments on the same runtimes: they are in one table. */
interface Part {
  readonly experiments: readonly Experiment[];
  readonly runtimes: readonly RuntimeName[];
  /** Whether to count without the runtimes that are missing. */
  readonly optional?: boolean;
}

/** A run whose runtimes are not known yet. */
type Experiment = Omit<Run, "runtimes"> & {
  /** Why it cannot run on this machine. */
  readonly leftOut?: string;
};

/** The experiments of the first part: the story if no strategy is named. */
function experimentsOf(
  { strategies, workers, granularity }: CountConfig,
  missing: string | undefined,
): Experiment[] {
  const experiments = (strategies ?? STRATEGY_NAMES).flatMap((strategy): Experiment[] => {
    const one: Experiment = { strategy, workers, granularity: "increment" };
    if (needsRedis(strategy)) return [{ ...one, leftOut: missing }];
    if (strategy !== "file-lock") return [one];
    const call = { ...one, granularity: "call" } as const;
    if (granularity !== undefined) return [granularity === "call" ? call : one];
    return strategies === undefined ? [one, call] : [one];
  });
  if (strategies !== undefined || workers === 1) return experiments;
  return [{ strategy: "file", workers: 1, granularity: "increment" }, ...experiments];
}

function plan(config: CountConfig, missing: string | undefined): Part[] {
  const { strategies, runtimes, workers } = config;
  const experiments = experimentsOf(config, missing)
    .map((one) => ({ ...one, leftOut: one.leftOut ?? leftOutOn(one.strategy) }));
  const first = { experiments, runtimes: runtimes ?? [adapter.name] };
  const canShare = adapter.platform === "linux" && workers >= ALL_RUNTIMES.length;
  if (strategies !== undefined || runtimes !== undefined || !canShare) {
    return [first];
  }
  if (!import.meta.url.startsWith("file:")) {
    process.stderr.write(`Counting only in ${adapter.name}: the others run no programs from JSR\n`);
    return [first];
  }
  const together = experiments.filter(({ strategy, granularity, workers: own, leftOut }) =>
    TOGETHER.has(strategy) && own === workers && leftOut === undefined &&
    (granularity === "increment" || config.granularity === "call")
  );
  return [first, { experiments: together, runtimes: ALL_RUNTIMES, optional: true }];
}

/** Why the strategies on a server cannot run; says so if the output is for programs. */
async function missingServer(config: CountConfig): Promise<string | undefined> {
  const strategies: readonly StrategyName[] = config.strategies ?? STRATEGY_NAMES;
  const onServer = strategies.filter(needsRedis);
  const missing = onServer.length === 0 ? undefined : await missingFor(config);
  if (missing === undefined) return undefined;
  const reason = `${onServer.join(", ")}: ${missing.what}`;
  const isWanted = onServer.length === strategies.length || config.redis !== undefined;
  if (isWanted) throw new Error(`Cannot run ${reason}`);
  if (config.json || config.csv) process.stderr.write(`Skipping ${reason}\n`);
  return missing.short;
}

/** What the strategies on a server lack. */
async function missingFor(
  { redis }: CountConfig,
): Promise<{ readonly short: string; readonly what: string } | undefined> {
  if (redis === undefined && findRedisServer() === undefined) {
    return { short: "no redis-server", what: `${NO_SERVER}, and no --redis URL was given` };
  }
  const { loadNodeRedis } = await import("../src/redis/client/node_redis_address.ts");
  const what = "the package redis is not installed. Install it (npm install redis)";
  return await loadNodeRedis().then(() => undefined, () => ({ short: "no package redis", what }));
}

/** The runtimes of a part. Fetches those that are missing, which says so. */
async function runtimesOf(
  { runtimes, optional }: Part,
  signal: AbortSignal,
): Promise<readonly Runtime[]> {
  if (!optional) return await findRuntimes(runtimes, signal);
  const leaveOut = (name: RuntimeName, { message }: Error) =>
    process.stderr.write(`Counting without ${name}. ${message}\n`);
  return await findAvailable(runtimes, leaveOut, signal);
}

/** The characters in a line: of the terminal, or as `COLUMNS` tells. */
function roomOf(): number {
  const told = process.stdout.columns || Number(process.env.COLUMNS);
  return told >= LEAST_ROOM ? told : told > 0 ? LEAST_ROOM : ROOM;
}

/** The output that the settings ask for. */
function outputOf({ json, csv, markdown, unit }: CountConfig): CountOutput {
  if (json) return new JsonOutput();
  if (csv) return new CsvOutput();
  return markdown ? new MarkdownOutput() : new CountReport(unit, roomOf());
}

/**
 * Runs the experiments that the settings ask for, and prints them.
 *
 * @throws {Error} If a count that must be exact was not, or could not write to a disk.
 */
export async function count(config: CountConfig, signal: AbortSignal): Promise<void> {
  const parts = plan(config, await missingServer(config));
  const output = outputOf(config);
  const steps = parts.flatMap(({ experiments }) => experiments)
    .reduce((sum, { workers }) => sum + workers * STEPS * config.repeat, 0);
  const failed: Context["failed"] = { exact: [], disk: [] };
  await using server = new PrivateServer(config.redis);
  const context: Context = {
    config,
    output,
    signal,
    server,
    failed,
    progress: new Progress(steps),
  };
  const named = new Set<RuntimeName>();
  for (const part of parts) {
    // Only now: the table of this runtime does not wait for the others to be fetched.
    const runtimes = await runtimesOf(part, signal);
    if (part.optional && runtimes.length < 2) continue;
    if (part.optional && output.say !== undefined) await show([""]);
    for (const { name, version, path } of runtimes) {
      if (named.has(name)) continue;
      named.add(name);
      const heading = `${name} ${version} (${path})`;
      if (output.say !== undefined) await show(output.say(heading));
      else process.stderr.write(`${heading}\n`);
    }
    await countPart(part, runtimes, context);
  }
  await show(output.close?.(footOf(config)));
  const problems = [
    failed.exact.length > 0 && `Must be exact, and was not: ${failed.exact.join(", ")}`,
    failed.disk.length > 0 && `Cannot write to the disk: ${failed.disk.join(", ")}`,
  ].filter(Boolean);
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

/** What all parts of a count use. */
interface Context {
  readonly config: CountConfig;
  readonly output: CountOutput;
  readonly progress: Progress;
  readonly server: PrivateServer;
  readonly signal: AbortSignal;
  /** Why the command fails at its end: the runs that must be exact and were not, or had no disk. */
  readonly failed: { readonly exact: string[]; readonly disk: string[] };
}

/** Runs the experiments of a part and prints each result. */
async function countPart(
  { experiments, optional = false }: Part,
  runtimes: readonly Runtime[],
  context: Context,
): Promise<void> {
  const { config, output, progress, failed } = context;
  const names = runtimes.map(({ name }) => name).join(", ");
  await show(
    output.begin?.(titleOf(config, names, optional), {
      names: experiments.map(nameOf),
      workers: config.workers,
      increments: config.increments ?? MOST_INCREMENTS,
      repeat: config.repeat,
    }),
  );
  try {
    for (const { leftOut, ...experiment } of experiments) {
      const run = { ...experiment, runtimes: runtimes.slice(0, experiment.workers) };
      await show(output.before?.(run));
      if (leftOut !== undefined) {
        await show(output.leftOut?.(run, leftOut));
        progress.add(run.workers * STEPS * config.repeat);
        continue;
      }
      try {
        await countExperiment(run, context);
      } catch (error) {
        // A full disk costs only the strategies that need it.
        const { message } = error as Error;
        if (experiments.length === 1 || !FULL_DISK.test(message)) throw error;
        failed.disk.push(nameOf(run));
        if (output.leftOut === undefined) process.stderr.write(`${nameOf(run)}: ${message}\n`);
        await show(output.leftOut?.(run, message));
      }
    }
  } finally {
    await show(output.end?.());
  }
}

/** Runs an experiment as often as it is wanted, and prints the results. */
async function countExperiment(
  run: Run,
  { config, output, progress, server, signal, failed }: Context,
): Promise<void> {
  const results: CountResult[] = [];
  const what = `${nameOf(run)} on ${run.runtimes.map(({ name }) => name).join(", ")}`;
  try {
    const redis = needsRedis(run.strategy) ? await server.start() : undefined;
    while (results.length < config.repeat) {
      // All runs of an experiment do the same number of increments.
      const increments = config.increments ?? results.at(0)?.increments;
      progress.show(what);
      const result = await runStrategy(
        run,
        { ...config, increments, redis },
        signal,
        () => progress.add(1),
      ).finally(() => progress.hide());
      results.push(result);
      if (result.verdict === "broken") failed.exact.push(nameOf(run));
      await show(output.result?.({ run, results }));
    }
  } finally {
    // Even if a run failed: the output is complete up to it.
    if (results.length > 0) await show(output.row?.({ run, results }));
  }
}

async function show(lines: readonly string[] = []): Promise<void> {
  if (lines.length > 0) await print(lines.join("\n"));
}

function titleOf({ workers, unit }: CountConfig, names: string, isTogether: boolean): string {
  if (isTogether) return `The same number for ${names} at once: their locks exclude each other.`;
  const kind = unit === "process" ? "process" : "Web Worker";
  const plural = workers === 1 ? "" : kind.endsWith("s") ? "es" : "s";
  const verb = workers === 1 ? "adds" : "add";
  const text = `${wordOf(workers)} ${kind}${plural} of ${names} ${verb} to one number, many times.`;
  return text[0].toUpperCase() + text.slice(1);
}

function footOf({ warm, directory = tmpdir() }: CountConfig): string {
  const machine = `${describeMachine()}. Workers ${warm ? "warm" : "cold"}.`;
  if (adapter.platform !== "linux") return machine;
  return `${machine} The text file is on ` +
    `${fileSystemOf(directory)}; each increment opens it again to rewrite it, and closes the ` +
    "reader before the write.";
}
