import type { Command } from "commander";
import { tmpdir } from "node:os";
import process from "node:process";
import { type CountConfig, countSchema, type Run } from "../src/counting/config.ts";
import type { CountResult } from "../src/counting/result.ts";
import { runStrategy } from "../src/counting/run.ts";
import { progressBar } from "../src/host/progress.ts";
import { findAvailable, findRuntimes, type Runtime } from "../src/host/runtimes.ts";
import {
  isExact,
  needsRedis,
  STRATEGY_NAMES,
  type StrategyName,
} from "../src/counting/strategies/names.ts";
import { findRedisServer, NO_SERVER } from "../src/host/redis_server.ts";
import { adapter } from "../src/runtime/mod.ts";
import type { RuntimeName } from "../src/runtime/adapters/port.ts";
import { type CountFlags, listOf, numberOr, OWN_CONFIG, settingsFrom } from "./count_settings.ts";
import { addHelp, argumentOf, optionOf } from "./options.ts";
import { CountTable, isFailure, notesOf } from "./count_table.ts";
import { interruptible, print } from "../src/host/interruption.ts";
import { describeMachine, fileSystemOf } from "../src/host/machine.ts";
// For JSR: its npm package contains only the modules that others import.
import type {} from "../workers/counting_process.ts";

const ALL_RUNTIMES: readonly RuntimeName[] = ["deno", "bun", "node"];

/** Adds `interlock count`. */
export function addCount(program: Command): void {
  const says = (field: keyof typeof countSchema.shape) =>
    countSchema.shape[field].meta()!.description!;
  const command = program.command("count")
    .summary("increment one number with several workers; show lost updates and costs")
    .description(
      "Lets workers increment one number at the same time, with each strategy in turn. Shows how " +
        "many updates were lost and what an increment cost.\n\nIf neither strategies nor runtimes " +
        "are given: runs all strategies in the current runtime, then the exact ones with workers " +
        "of Deno, Bun and Node together.\n\nNumbers may be written as 10k, 1_000 or 1e6.",
    )
    .addArgument(argumentOf("[strategies...]", says("strategies"), STRATEGY_NAMES))
    .addOption(
      optionOf("-u, --unit <unit>", `${says("unit")} (default: process)`, ["process", "worker"]),
    )
    .option("-w, --workers <number>", `${says("workers")} (default: 4)`, numberOr)
    .option("-n, --increments <number>", `${says("increments")} (default: 1000)`, numberOr)
    .addOption(
      optionOf("-r, --runtime <names>", `${says("runtimes")}; with commas`, ALL_RUNTIMES)
        .argParser(listOf),
    )
    .addOption(
      optionOf(
        "-g, --granularity <granularity>",
        `${says("granularity")} (default: increment)`,
        ["increment", "call"],
      ),
    )
    .option("--repeat <number>", `${says("repeat")} (default: 1)`, numberOr)
    .option("-d, --dir <folder>", says("directory"))
    .option("--redis <url>", says("redis"))
    .option("--cold", "do not warm up the workers")
    .option(
      "-c, --config <file>",
      `JSON file with the same settings; flags take precedence; - is the standard input ` +
        `(default: ${OWN_CONFIG} in the current folder, if there is one)`,
    )
    .option("--no-config", "use no file of settings")
    .option("-j, --json", "print one JSON object per line instead of the table")
    .action((strategies: string[], flags: CountFlags) =>
      interruptible((signal) => count(settingsFrom(strategies, flags, command), signal))
    );
  addHelp(command, {
    examples: [
      ["interlock count", "all strategies"],
      ["interlock count value value-lock -u worker -n 100k", "a race and its cure, in threads"],
      ["interlock count atomic -r deno,bun,node", "one number, three runtimes"],
    ],
    statuses: [
      [0, "every strategy that must be exact was"],
      [1, "one was not, or could not run"],
    ],
  });
}

/** The runs in one table. */
interface Part {
  readonly strategies: readonly StrategyName[];
  readonly runtimes: readonly RuntimeName[];
  /** Whether to count without the runtimes that are missing. */
  readonly optional?: boolean;
}

function plan(
  { strategies, runtimes, workers }: CountConfig,
  possible: readonly StrategyName[],
): Part[] {
  const first = { strategies: possible, runtimes: runtimes ?? [adapter.name] };
  if (strategies !== undefined || runtimes !== undefined || workers < ALL_RUNTIMES.length) {
    return [first];
  }
  if (!import.meta.url.startsWith("file:")) {
    process.stderr.write(`Counting only in ${adapter.name}: the others run no programs from JSR\n`);
    return [first];
  }
  const exact = possible.filter((name) => isExact(name, workers));
  return [first, { strategies: exact, runtimes: ALL_RUNTIMES, optional: true }];
}

/** The strategies to run; skips those whose server or package is missing, and says so. */
async function possibleOf(config: CountConfig): Promise<readonly StrategyName[]> {
  const strategies: readonly StrategyName[] = config.strategies ?? STRATEGY_NAMES;
  const onServer = strategies.filter(needsRedis);
  if (onServer.length === 0) return strategies;
  const missing = await missingFor(config);
  if (missing === undefined) return strategies;
  const reason = `${onServer.join(", ")}: ${missing}`;
  const isWanted = onServer.length === strategies.length || config.redis !== undefined;
  if (isWanted) throw new Error(`Cannot run ${reason}`);
  process.stderr.write(`Skipping ${reason}\n`);
  return strategies.filter((name) => !needsRedis(name));
}

/** What the strategies on a server lack. */
async function missingFor({ redis }: CountConfig): Promise<string | undefined> {
  if (redis === undefined && findRedisServer() === undefined) {
    return `${NO_SERVER}, and no --redis URL was given`;
  }
  const { loadNodeRedis } = await import("../src/redis/client/node_redis.ts");
  const why = "the package redis is not installed. Install it (npm install redis)";
  return await loadNodeRedis().then(() => undefined, () => why);
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

async function count(config: CountConfig, signal: AbortSignal): Promise<void> {
  const named = new Set<RuntimeName>();
  let failures = 0;
  for (const part of plan(config, await possibleOf(config))) {
    // Only now: the table of this runtime does not wait for the others to be fetched.
    const runtimes = await runtimesOf(part, signal);
    if (part.optional && runtimes.length < 2) continue;
    for (const { name, version, path } of runtimes) {
      if (named.has(name)) continue;
      named.add(name);
      const heading = `${name} ${version} (${path})`;
      if (config.json) process.stderr.write(`${heading}\n`);
      else await print(heading);
    }
    failures += await countPart(part.strategies, runtimes, config, signal);
  }
  if (!config.json) await print(`\n${footOf(config)}`);
  if (failures === 0) return;
  throw new Error(
    `${failures} ${
      failures === 1 ? "count that must be exact is" : "counts that must be exact are"
    } not exact`,
  );
}

/** Runs the strategies and prints each result; returns how many that must be exact were not. */
async function countPart(
  strategies: readonly StrategyName[],
  runtimes: readonly Runtime[],
  config: CountConfig,
  signal: AbortSignal,
): Promise<number> {
  const runs = strategies.flatMap((strategy) =>
    Array<Run>(config.repeat).fill({ strategy, runtimes })
  );
  const names = runtimes.map(({ name }) => name).join(", ");
  const most = config.workers * config.increments;
  const table = new CountTable(strategies, most, process.stdout.columns || Infinity);
  const steps = config.workers * 2;
  const progress = progressBar();
  const onStep = progress && (() => progress.increment());
  if (!config.json) await print(`\n${titleOf(config)} on ${names}`);
  try {
    for (const [index, run] of runs.entries()) {
      progress?.start(runs.length * steps, index * steps, { what: `${run.strategy} on ${names}` });
      const result = await runStrategy(run, config, signal, onStep)
        .finally(() => progress?.stop());
      const row = table.add(result);
      await print(config.json ? lineOf(result) : row);
    }
  } finally {
    // Even if a run failed: the table is complete up to it.
    if (!config.json && table.results.length > 0) {
      await print([table.end, ...notesOf(table.results)].join("\n"));
    }
  }
  return table.results.filter(isFailure).length;
}

function lineOf({ exact: _, ...result }: CountResult): string {
  return JSON.stringify(result);
}

function titleOf({ workers, increments, unit }: CountConfig): string {
  return `${workers} ${unit === "process" ? "processes" : "Web Workers"} x ` +
    `${increments.toLocaleString("en")} increments`;
}

function footOf({ warm, directory = tmpdir() }: CountConfig): string {
  return `${describeMachine()}. Workers ${warm ? "warm" : "cold"}. The text file is on ` +
    `${fileSystemOf(directory)}; each increment opens it again to rewrite it, and closes the ` +
    "reader before the write.";
}
