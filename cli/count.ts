import type { Command } from "commander";
import { countSchema } from "../src/counting/config.ts";
import { STRATEGY_NAMES } from "../src/counting/strategies/names.ts";
import { interruptible } from "../src/host/interruption.ts";
import { count } from "./count_run.ts";
import { type CountFlags, listOf, numberOr, OWN_CONFIG, settingsFrom } from "./count_settings.ts";
import { addHelp, argumentOf, optionOf } from "./options.ts";
// For JSR: its npm package contains only the modules that others import.
import type {} from "../workers/counting_process.ts";

const ALL_RUNTIMES = ["deno", "bun", "node"];

/** Adds `interlock count`. */
export function addCount(program: Command): void {
  const says = (field: keyof typeof countSchema.shape) =>
    countSchema.shape[field].meta()!.description!;
  const format = (field: "json" | "csv" | "markdown") => says(field).replace("whether to ", "");
  const command = program.command("count")
    .summary("increment one number with several workers; show lost updates and costs")
    .description(
      "Lets workers increment one number at the same time, with each strategy in turn. Shows how " +
        "many updates were lost and what an increment cost.\n\nIf neither strategies nor runtimes " +
        "are given: runs all strategies in the current runtime, then one of each exact kind with " +
        "workers of Deno, Bun and Node together.\n\nNumbers may be written as 10k, 1_000 or 1e6.",
    )
    .addArgument(argumentOf("[strategies...]", says("strategies"), STRATEGY_NAMES))
    .addOption(
      optionOf(
        "-u, --unit <unit>",
        `${says("unit")} (default: process; worker on other systems than Linux)`,
        ["process", "worker"],
      ),
    )
    .option("-w, --workers <number>", `${says("workers")} (default: 4)`, numberOr)
    .option("-n, --increments <number>", says("increments"), numberOr)
    .addOption(
      optionOf("-r, --runtime <names>", `${says("runtimes")}; with commas`, ALL_RUNTIMES)
        .argParser(listOf),
    )
    .addOption(
      optionOf(
        "-g, --granularity <granularity>",
        says("granularity"),
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
    .option("-j, --json", format("json"))
    .option("--csv", format("csv"))
    .option("--markdown", format("markdown"))
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
