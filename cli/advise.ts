import { type Command, InvalidArgumentError, Option } from "commander";
import type { Flags } from "./advice/advise.ts";
import { NEEDS, REACHES, RUNTIMES, SURVIVALS } from "./advice/candidate.ts";
import { rateOf } from "./advice/rate.ts";
import { interruptible } from "./interruption.ts";

/** Adds `interlock advise`. */
export function addAdvise(program: Command): void {
  program.command("advise")
    .summary("say which lock or counter to use, from what was measured")
    .description(
      "Says which medium and which primitive to use, what it costs, why not the others, and the " +
        "code. What no flag says is asked for on a terminal.",
    )
    .addOption(new Option("--for <what>", "what it is for").choices(NEEDS))
    .addOption(new Option("--where <reach>", "who shares it").choices(REACHES))
    .addOption(
      new Option("--survive <what>", "what it must outlive (default: nothing)").choices(SURVIVALS),
    )
    .option("--rate <number>", "increments or holds a second, of all (default: 1000)", rate)
    .addOption(
      new Option("--runtime <name>", "the runtime (default: this one)").choices(RUNTIMES),
    )
    .option("--results <file>", "a run of the bench to judge by, in place of the built-in one")
    .option("--json", "for programs")
    .action((flags: Flags) =>
      interruptible(async (signal) => {
        // Here, so that no other command waits for its modules.
        const { advise } = await import("./advice/advise.ts");
        await advise(flags, signal);
      }, { output: false })
    );
}

function rate(text: string): number {
  const value = rateOf(text);
  if (value === undefined) throw new InvalidArgumentError("a number above 0");
  return value;
}
