import { type Command, Option } from "commander";
import { NEEDS, REACHES, RUNTIMES, SURVIVALS } from "../src/advice/candidates.ts";
import { interruptible } from "../src/host/interruption.ts";
import type { Flags } from "./advice/advise.ts";
import { addHelp } from "./options.ts";

/** Adds `interlock advise`. */
export function addAdvise(program: Command): void {
  const command = program.command("advise")
    .summary("recommend a lock or a counter, based on measurements")
    .description(
      "Recommends a lock or a counter: what it costs, why not the others, and the code. On a " +
        "terminal, asks for options that are missing.",
    )
    .addOption(new Option("-f, --for <what>", "what you need").choices(NEEDS))
    .addOption(new Option("-w, --where <reach>", "how far it is shared").choices(REACHES))
    .addOption(
      new Option("-s, --survive <what>", "what it must survive (default: nothing)").choices(
        SURVIVALS,
      ),
    )
    .option("--readable", "people or other languages must read it")
    .addOption(new Option("--no-readable").hideHelp())
    .option(
      "-n, --rate <number>",
      "total operations per second, all processes together, such as 10k (default: 1000)",
    )
    .addOption(
      new Option("-r, --runtime <name>", "the runtime (default: this one)").choices(RUNTIMES),
    )
    .option("--results <file>", "use this benchmark run instead of the built-in one")
    .option("-j, --json", "print JSON instead of text")
    .action((flags: Flags) =>
      interruptible(async (signal) => {
        // Imported here, so that other commands do not load its modules.
        const { advise } = await import("./advice/advise.ts");
        await advise(flags, command, signal);
      }, { output: false })
    );
  addHelp(command, {
    examples: [
      ["interlock advise", "asks, on a terminal"],
      [
        "interlock advise --for counter --where machine --survive power --rate 5k",
        "a counter for the processes of one machine that survives a power loss",
      ],
    ],
    statuses: [[0, "there is a recommendation"], [1, "nothing is suitable"]],
  });
}
