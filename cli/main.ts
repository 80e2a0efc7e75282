#!/usr/bin/env node
/**
 * The command line of Interlock: `interlock COMMAND`.
 *
 * @module
 */
import { adapter } from "../src/runtime/adapters/adapter.ts";

if (adapter.args[0] === "lock") {
  const { end, lock } = await import("./lock.ts");
  const status = await lock();
  if (status !== undefined) end(status);
}
// Loading the other commands, and the help, takes longer than a lock.
await import("./program.ts");
