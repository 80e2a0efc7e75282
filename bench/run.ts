/**
 * `deno task bench`: measures Interlock in each runtime, beside C, Python and packages that do the
 * same, and says which of its goals are met.
 *
 * @module
 */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { interruptible, Interruption, print } from "../cli/interruption.ts";
import { describeMachine } from "../cli/machine.ts";
import { UsageError } from "../cli/usage_error.ts";
import type { RuntimeName } from "../src/runtime/port.ts";
import { addCheck } from "./check.ts";
import { addCompare } from "./compare.ts";
import { FULL, QUICK } from "./effort.ts";
import { measure, type Prospect } from "./measure.ts";
import { clock, progressOf } from "./progress.ts";
import { type Results, rowId } from "./results.ts";
import { goalsTable, missingList, rowTables } from "./screen.ts";

const RUNTIMES: readonly RuntimeName[] = ["deno", "bun", "node"];
const RESULTS = new URL("./results/", import.meta.url);

interface Flags {
  readonly quick?: true;
  readonly filter?: string;
  readonly rounds?: number;
  readonly runtime: RuntimeName[];
  readonly json?: true;
  readonly save: boolean;
  readonly dryRun?: true;
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("a whole number from 1");
}

function pattern(text: string): string {
  try {
    new RegExp(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function runtimeNames(text: string): RuntimeName[] {
  return text.split(",").map((part) => {
    const found = RUNTIMES.find((name) => name === part.trim());
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`"${part}"; allowed: ${RUNTIMES.join(", ")}`);
  });
}

async function run(flags: Flags, signal: AbortSignal): Promise<void> {
  const usual = flags.quick ? QUICK : FULL;
  const effort = { ...usual, rounds: flags.rounds ?? usual.rounds };
  const say = (text: string) => flags.json ? void process.stderr.write(`${text}\n`) : print(text);
  let progress: ReturnType<typeof progressOf> | undefined;
  const results = await measure(
    { mode: flags.quick ? "quick" : "full", effort, filter: flags.filter, runtimes: flags.runtime },
    signal,
    (prospect) => {
      void say(describe(prospect, flags));
      return flags.dryRun ? undefined : progress = progressOf(prospect.planned);
    },
  ).finally(() => progress?.stop());
  if (results === undefined) return;

  const file = flags.save ? save(results) : undefined;
  await print(flags.json ? JSON.stringify(results) : summary(results));
  if (file !== undefined) await say(`Kept in ${file}`);
  await say(`It took ${clock(results.wallSeconds * 1000)}`);
}

function describe({ runtimes, rivals, steps, planned }: Prospect, { dryRun }: Flags): string {
  const rows = steps.flatMap(({ rows }) => rows);
  return [
    ...dryRun ? rows.map(rowId) : [],
    describeMachine(),
    ...runtimes.map(({ name, version, path }) => `${name} ${version}: ${path}`),
    ...Object.entries(rivals.versions).map(([name, version]) => `${name} ${version}`),
    `${rows.length} rows; it will take about ${clock(planned)}`,
  ].join("\n");
}

function summary(results: Results): string {
  const { goals, machine } = results;
  return [
    rowTables(results),
    ...goals.length === 0 ? [] : [
      `goals\n${goalsTable(results)}`,
      `${goals.filter(({ met }) => met).length} of ${goals.length} goals met`,
    ],
    missingList(results),
    `Noise: half of the rows spread by ${(machine.noise * 100).toFixed(1)}% or less over ` +
    `${results.rounds} rounds; load ${machine.load.before.toFixed(2)} before.`,
  ].filter(Boolean).join("\n\n");
}

function save(results: Results): string {
  mkdirSync(RESULTS, { recursive: true });
  const stamp = results.when.slice(0, 19).replaceAll(":", "");
  const { platform, arch } = results.machine;
  const file = new URL(`bench-${stamp}-${platform}-${arch}.json`, RESULTS);
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  return fileURLToPath(file);
}

/** What a shell sees: 2 for a command that cannot be understood, 1 for one that failed. */
function statusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // It has said why.
  if (error instanceof Interruption) return error.status;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof UsageError ? 2 : 1;
}

const program = new Command("bench").exitOverride()
  .description("Measures Interlock in each runtime, beside C, Python and packages of npm.");
program.command("run", { isDefault: true })
  .description("measure, show the results and keep them in bench/results")
  .option("--quick", "take a look, in less than a minute; else it takes less than 15")
  .option("--filter <pattern>", "only rows whose id matches: see --dry-run for the ids", pattern)
  .option("--rounds <number>", "how often each row is measured", whole)
  .option("--runtime <names>", "runtimes to measure", runtimeNames, [...RUNTIMES])
  .option("--json", "print the results for programs")
  .option("--no-save", "leave out the file in bench/results")
  .option("--dry-run", "say what would be measured, and how long it would take")
  .action((flags: Flags) => interruptible((signal) => run(flags, signal)));
addCompare(program);
addCheck(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = statusOf(error);
}
process.exit();
