/**
 * The command line of Interlock: `interlock COMMAND`.
 *
 * @module
 */
import { Command } from "commander";
import process from "node:process";
import project from "../deno.json" with { type: "json" };
import { addCount } from "./count.ts";
import { statusOf } from "./exit_status.ts";
import { addLock } from "./lock.ts";

const program = new Command("interlock")
  .description("One lock, one counter, wherever TypeScript runs.")
  .version(project.version)
  .exitOverride()
  .showHelpAfterError("(--help says what is allowed)");
addCount(program);
addLock(program.enablePositionalOptions());

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = statusOf(error);
}
process.exit();
