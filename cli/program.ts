/**
 * The commands of Interlock and their help.
 *
 * @module
 */
import { Command } from "commander";
import process from "node:process";
import project from "../deno.json" with { type: "json" };
import { statusOf } from "../src/host/exit_status.ts";
import { addAdvise } from "./advise.ts";
import { addCount } from "./count.ts";
import { addInspect } from "./inspect.ts";
import { addLock } from "./lock_help.ts";

const program = new Command("interlock")
  .description("Locks and counters shared by threads, processes and machines.")
  .version(project.version)
  .exitOverride()
  .configureOutput({ outputError: (message, write) => write(withoutAddresses(message)) })
  .showHelpAfterError("(see --help)");
addLock(program.enablePositionalOptions());
addCount(program);
addInspect(program);
addAdvise(program);

/** Removes addresses from an error: one given as a wrong argument may contain a password. */
function withoutAddresses(message: string): string {
  return message
    .replace(/'(-[^'=]*=)?.*(:\/\/|@).*'/s, "'$1...'")
    .replace(/(but got \d+): .*(:\/\/|@).*/s, "$1.\n");
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = statusOf(error);
}
process.exit();
