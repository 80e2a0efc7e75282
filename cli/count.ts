import type { Command } from "commander";
import { readFileSync, statSync } from "node:fs";
import {
  ConfigError,
  type CountConfig,
  countSchema,
  type CountSetting,
  parseCount,
} from "../src/counting/config.ts";
import { STRATEGY_NAMES } from "../src/counting/strategies/names.ts";
import { interruptible } from "../src/host/interruption.ts";
import { invalidOption, UsageError } from "../src/host/usage_error.ts";
import { count } from "./count_run.ts";
// For JSR: its npm package contains only the modules that others import.
import type {} from "../workers/counting_process.ts";

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
    .option("--unit <unit>", `${says("unit")} (default: process)`)
    .option("--workers <number>", `${says("workers")} (default: 4)`, number)
    .option("--increments <number>", says("increments"), number)
    .option("--runtime <names>", `${says("runtimes")} (such as deno,bun,node)`, list)
    .option("--granularity <granularity>", says("granularity"))
    .option("--repeat <number>", `${says("repeat")} (default: 1)`, number)
    .option("--dir <folder>", says("directory"))
    .option("--redis <url>", says("redis"))
    .option("--cold", "do not warm up the workers")
    .option("--config <file>", "JSON file with the same settings; flags take precedence")
    .option("--json", says("json").replace("whether to ", ""))
    .option("--csv", says("csv").replace("whether to ", ""))
    .option("--markdown", says("markdown").replace("whether to ", ""))
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
  readonly csv?: true;
  readonly markdown?: true;
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
    const config = parseCount({ ...read, ...typed }, "the command line", nameOf);
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
