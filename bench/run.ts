/**
 * `deno task bench`: measures Interlock in each runtime, next to C, Python and npm packages that do
 * the same, and shows which goals are met.
 *
 * @module
 */
import { Command, Option } from "commander";
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { statusOf } from "../src/host/exit_status.ts";
import { interruptible, print } from "../src/host/interruption.ts";
import { describeMachine } from "../src/host/machine.ts";
import { invalidOption } from "../src/host/usage_error.ts";
import type { RuntimeName } from "../src/runtime/adapters/port.ts";
import { addCompare } from "./compare.ts";
import { measure, type Plan } from "./measure.ts";
import { formatResults, RESULTS, type Results, rowId } from "./results.ts";
import { RUNTIMES } from "./report/figures.ts";
import { clock, progressOf, summaryOf } from "./screen.ts";

interface Flags {
  readonly quick?: true;
  readonly filter?: string;
  readonly runtime: readonly RuntimeName[];
  readonly json?: true;
  readonly save: boolean;
  readonly dryRun?: true;
}

function pattern(text: string): string {
  try {
    new RegExp(text);
    return text;
  } catch {
    throw invalidOption("--filter", "be a regular expression", text);
  }
}

async function run(flags: Flags, signal: AbortSignal): Promise<void> {
  const { quick, filter, runtime: runtimes, json, dryRun } = flags;
  const say = (text: string) => json ? void process.stderr.write(`${text}\n`) : print(text);
  let progress: ReturnType<typeof progressOf> | undefined;
  const results = await measure(
    { mode: quick ? "quick" : "full", filter, runtimes },
    signal,
    (plan) => {
      void say(describe(plan, flags));
      return dryRun ? undefined : progress = progressOf(plan.planned);
    },
  ).finally(() => progress?.stop());
  if (results === undefined) return;

  const file = flags.save ? save(results) : undefined;
  await print(json ? JSON.stringify(results) : summaryOf(results));
  if (file !== undefined) await say(`Saved as ${file}`);
  await say(`Took ${clock(results.wallSeconds * 1000)}`);
}

function describe({ versions, steps, planned }: Plan, { dryRun }: Flags): string {
  const rows = steps.flatMap(({ rows }) => rows);
  return [
    ...dryRun ? rows.map(rowId) : [],
    describeMachine(),
    ...Object.entries(versions).map(([name, version]) => `${name} ${version}`),
    `${rows.length} rows, about ${clock(planned)}`,
  ].join("\n");
}

function save(results: Results): string {
  mkdirSync(RESULTS, { recursive: true });
  const stamp = results.when.slice(0, 19).replaceAll(":", "");
  const { platform, arch } = results.machine;
  const file = new URL(`bench-${stamp}-${platform}-${arch}.json`, RESULTS);
  writeFileSync(file, formatResults(results));
  return fileURLToPath(file);
}

const program = new Command("bench").exitOverride()
  .description("Measures Interlock in each runtime, next to C, Python and npm packages.");
program.command("run", { isDefault: true })
  .description("measure, show the results and save them in bench/results")
  .option("--quick", "take less than a minute instead of 15; the figures are rough")
  .option(
    "--filter <pattern>",
    "only rows whose id matches the regular expression (--dry-run lists the ids)",
    pattern,
  )
  .addOption(
    new Option("--runtime <names...>", "runtimes to measure").choices(RUNTIMES).default(RUNTIMES),
  )
  .option("--json", "print the results as JSON")
  .option("--no-save", "do not write a file to bench/results")
  .option("--dry-run", "list the rows and the estimated time without measuring")
  .action((flags: Flags) => interruptible((signal) => run(flags, signal)));
addCompare(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = statusOf(error);
}
process.exit();
