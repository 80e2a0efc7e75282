/**
 * The command line of Interlock: `interlock COMMAND`.
 *
 * @module
 */
import { Command } from "commander";
import process from "node:process";
import project from "../deno.json" with { type: "json" };
import { statusOf } from "./exit_status.ts";
import { addLock } from "./lock.ts";

const program = new Command("interlock")
  .description("One lock, one counter, wherever TypeScript runs.")
  .version(project.version)
  .exitOverride()
  .configureOutput({ outputError: (message, write) => write(withoutAddresses(message)) })
  .showHelpAfterError("(--help says what is allowed)");
addLock(program.enablePositionalOptions());
// Half of the start, which scripts that lock do many times over.
if (process.argv[2] !== "lock") {
  (await import("./count.ts")).addCount(program);
  (await import("./inspect.ts")).addInspect(program);
  (await import("./advise.ts")).addAdvise(program);
}

/** An address that was taken for a command, an argument or an unknown option may hold a password. */
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
