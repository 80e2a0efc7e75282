/**
 * The commands of Interlock and their help.
 *
 * @module
 */
import { Command } from "commander";
import process from "node:process";
import project from "../deno.json" with { type: "json" };
import { statusOf } from "../src/host/exit_status.ts";
import { print } from "../src/host/interruption.ts";
import { addHelp } from "./options.ts";

/** What adds the commands. A module is loaded for its own commands, or if all of them are listed. */
const GROUPS: readonly {
  readonly names: readonly string[];
  readonly load: () => Promise<(program: Command) => void>;
}[] = [
  { names: ["lock"], load: async () => (await import("./lock_help.ts")).addLock },
  { names: ["count"], load: async () => (await import("./count.ts")).addCount },
  { names: ["inspect"], load: async () => (await import("./inspect.ts")).addInspect },
  { names: ["watch"], load: async () => (await import("./watch.ts")).addWatch },
  { names: ["remove", "gc"], load: async () => (await import("./remove.ts")).addRemove },
  { names: ["advise"], load: async () => (await import("./advise.ts")).addAdvise },
  { names: [], load: async () => (await import("./completions.ts")).addCompletions },
];

/** What commander prints on the standard output: written at the end, so that an error is ours. */
let output = "";
const program = new Command("interlock")
  .description("Locks and counters shared by threads, processes and machines.")
  .version(project.version)
  .exitOverride()
  .configureOutput({
    writeOut: (text) => output += text,
    // Nothing is coloured; to find out would need permissions in Deno.
    getOutHasColors: () => false,
    getErrHasColors: () => false,
    outputError: (message, write) => write(withoutAddresses(message)),
  })
  .showHelpAfterError("(see --help)");
program.enablePositionalOptions();
const wanted = GROUPS.filter(({ names }) => names.includes(process.argv[2]));
for (const { load } of wanted.length > 0 ? wanted : GROUPS) (await load())(program);
addHelp(program, {
  examples: [
    ["interlock count", "see how shared counters go wrong, and what each cure costs"],
    ["interlock lock /tmp/backup.lock -- sh backup.sh", "run a command only once at a time"],
    ["interlock COMMAND --help", "the options and examples of a command"],
  ],
  statuses: [[0, "done"], [1, "failed"]],
});

/** Removes addresses from an error: one given as a wrong argument may contain a password. */
function withoutAddresses(message: string): string {
  return message
    .replace(/'(-[^'=]*=)?.*(:\/\/|@).*'/s, "'$1...'")
    .replace(/(but got \d+): .*(:\/\/|@).*/s, "$1.\n");
}

/** Runs a step; an error of it decides the exit status. */
async function attempt(step: () => unknown): Promise<void> {
  try {
    await step();
  } catch (error) {
    process.exitCode = statusOf(error);
  }
}

await attempt(() => program.parseAsync(process.argv));
if (output !== "") await attempt(() => print(output.trimEnd()));
process.exit();
