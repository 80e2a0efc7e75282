/**
 * The command line of Interlock: `interlock COMMAND`.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import process from "node:process";
import project from "../deno.json" with { type: "json" };
import { addAdvise } from "./advise.ts";
import { addCount } from "./count.ts";
import { addInspect } from "./inspect.ts";
import { Interruption } from "./interruption.ts";
import { addLock } from "./lock.ts";
import { UsageError } from "./usage_error.ts";

/** What a shell sees: 2 for a command that cannot be understood, 1 for one that failed. */
function statusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // It has said why.
  if (error instanceof Interruption) return error.status;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof UsageError ? 2 : 1;
}

const program = new Command("interlock")
  .description("One lock, one counter, wherever TypeScript runs.")
  .version(project.version)
  .exitOverride()
  .showHelpAfterError("(--help says what is allowed)");
addCount(program);
addAdvise(program);
addLock(program.enablePositionalOptions());
addInspect(program);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = statusOf(error);
}
process.exit();
