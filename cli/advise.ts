import { type Command, Option } from "commander";
import { NEEDS, REACHES, RUNTIMES, SURVIVALS } from "../src/advice/candidates.ts";
import { interruptible } from "../src/host/interruption.ts";
import type { Flags } from "./advice/advise.ts";

/** Adds `interlock advise`. */
export function addAdvise(program: Command): void {
  program.command("advise")
    .summary("recommend a lock or a counter, based on measurements")
    .description(
      "Recommends a lock or a counter: what it costs, why not the others, and the code. On a " +
        "terminal, asks for options that are missing.",
    )
    .addOption(new Option("--for <what>", "what you need").choices(NEEDS))
    .addOption(new Option("--where <reach>", "who shares it").choices(REACHES))
    .addOption(
      new Option("--survive <what>", "what it must survive (default: nothing)").choices(SURVIVALS),
    )
    .option(
      "--rate <number>",
      "total operations per second, all processes together (default: 1000)",
    )
    .addOption(
      new Option("--runtime <name>", "the runtime (default: this one)").choices(RUNTIMES),
    )
    .option("--results <file>", "use this benchmark run instead of the built-in one")
    .option("--json", "print JSON instead of text")
    .action((flags: Flags) =>
      interruptible(async (signal) => {
        // Imported here, so that other commands do not load its modules.
        const { advise } = await import("./advice/advise.ts");
        await advise(flags, signal);
      }, { output: false })
    );
}
