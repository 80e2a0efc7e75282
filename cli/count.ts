import type { Command } from "commander";
import { readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import {
  ConfigError,
  type CountConfig,
  countSchema,
  type CountSetting,
  parseCount,
  type Run,
} from "../src/counting/config.ts";
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
import { defaultsOn, strategiesOn } from "./count_limits.ts";
import { CountTable, isFailure, notesOf } from "./count_table.ts";
import { interruptible, print } from "../src/host/interruption.ts";
import { describeMachine, fileSystemOf } from "../src/host/machine.ts";
import { invalidOption, UsageError } from "../src/host/usage_error.ts";
// For JSR: its npm package contains only the modules that others import.
import type {} from "../workers/counting_process.ts";

const ALL_RUNTIMES: readonly RuntimeName[] = ["deno", "bun", "node"];

/** Adds `interlock count`. */
export function addCount(program: Command): void {
  const says = (field: keyof typeof countSchema.shape) =>
    countSchema.shape[field].meta()!.description!;
  program.command("count")
    .summary("increment one number with several workers; show lost updates and costs")
    .description(
      "Lets workers increment one number at the same time, with each strategy in turn. Shows how " +
        "many updates were lost and what an increment cost.\n\nIf neither strategies nor runtimes " +
        "are given: runs all strategies in the current runtime, then the exact ones with workers " +
        "of Deno, Bun and Node together.",
    )
    .argument("[strategies...]", `${says("strategies")}: ${STRATEGY_NAMES.join(", ")}`)
    .option(
      "--unit <unit>",
      `${says("unit")} (default: process; worker on other systems than Linux)`,
    )
    .option("--workers <number>", `${says("workers")} (default: 4)`, number)
    .option("--increments <number>", `${says("increments")} (default: 1000)`, number)
    .option("--runtime <names>", `${says("runtimes")} (such as deno,bun,node)`, list)
    .option("--granularity <granularity>", `${says("granularity")} (default: increment)`)
    .option("--repeat <number>", `${says("repeat")} (default: 1)`, number)
    .option("--dir <folder>", says("directory"))
    .option("--redis <url>", says("redis"))
    .option("--cold", "do not warm up the workers")
    .option("--config <file>", "JSON file with the same settings; flags take precedence")
    .option("--json", "print one JSON object per line instead of the table")
    .action((strategies: string[], flags: Flags) =>
      interruptible((signal) => count(configFrom(strategies, flags), signal))
    );
}

/** The flags. Numbers are `unknown`: a text that is no number is kept for the error. */
interface Flags {
  readonly unit?: string;
  readonly workers?: unknown;
  readonly increments?: unknown;
  readonly runtime?: string[];
  readonly granularity?: string;
  readonly repeat?: unknown;
  readonly dir?: string;
  readonly redis?: string;
  readonly cold?: true;
  readonly config?: string;
  readonly json?: true;
}

/** The names of settings that differ from their flags. */
const FLAG_NAMES: Partial<Record<CountSetting, string>> = {
  strategies: "strategies",
  runtimes: "--runtime",
  directory: "--dir",
};

/** Parses a number; returns a text that is no number unchanged, for the error about it. */
function number(text: string): unknown {
  return /^[+-]?\d+(\.\d+)?(e\d+)?$/i.test(text) ? Number(text) : text;
}

function list(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

function configFrom(strategies: readonly string[], flags: Flags): CountConfig {
  const { runtime, dir, cold, config: file, ...same } = flags;
  const typed = {
    ...same,
    ...strategies.length > 0 && { strategies },
    ...runtime && { runtimes: runtime },
    ...dir !== undefined && { directory: dir },
    ...cold && { warm: false },
  };
  try {
    const read = file === undefined ? {} : readConfig(file);
    const nameOf = (setting: CountSetting) => FLAG_NAMES[setting] ?? `--${setting}`;
    const config = parseCount({ ...defaultsOn(), ...read, ...typed }, "the command line", nameOf);
    const { directory } = config;
    if (directory === undefined || isDirectory(directory)) return config;
    throw invalidOption("--dir", "be an existing folder", directory);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** Reads and checks the file by itself, so that an error names the file. */
function readConfig(file: string): object {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`Cannot read the configuration ${file}: ${(error as Error).message}`);
  }
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (error) {
    // The engine's own message quotes the text, which may contain a password.
    const at = / at position \d+/.exec((error as Error).message)?.[0] ?? "";
    throw new UsageError(`Cannot read the configuration ${file}: it is not valid JSON${at}`);
  }
  parseCount(input, file);
  return input as object;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
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
  const isLinux = adapter.platform === "linux";
  if (
    !isLinux || strategies !== undefined || runtimes !== undefined || workers < ALL_RUNTIMES.length
  ) {
    return [first];
  }
  if (!import.meta.url.startsWith("file:")) {
    process.stderr.write(`Counting only in ${adapter.name}: the others run no programs from JSR\n`);
    return [first];
  }
  const exact = possible.filter((name) => isExact(name, workers));
  return [first, { strategies: exact, runtimes: ALL_RUNTIMES, optional: true }];
}

/** The strategies to run; skips those that lack a system, a server or a package, and says so. */
async function possibleOf(config: CountConfig): Promise<readonly StrategyName[]> {
  const skip = (reason: string) => process.stderr.write(`Skipping ${reason}\n`);
  const strategies = strategiesOn(config, skip);
  const onServer = strategies.filter(needsRedis);
  if (onServer.length === 0) return strategies;
  const missing = await missingFor(config);
  if (missing === undefined) return strategies;
  const reason = `${onServer.join(", ")}: ${missing}`;
  const isWanted = onServer.length === strategies.length || config.redis !== undefined;
  if (isWanted) throw new Error(`Cannot run ${reason}`);
  skip(reason);
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
  const machine = `${describeMachine()}. Workers ${warm ? "warm" : "cold"}.`;
  if (adapter.platform !== "linux") return machine;
  return `${machine} The text file is on ` +
    `${fileSystemOf(directory)}; each increment opens it again to rewrite it, and closes the ` +
    "reader before the write.";
}
