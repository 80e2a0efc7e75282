#!/usr/bin/env node
/**
 * The command line of Interlock: `interlock COMMAND`.
 *
 * @module
 */
import { adapter } from "../src/runtime/adapters/adapter.ts";
import { end, lock } from "./lock.ts";

const status = adapter.args[0] === "lock" ? await lock() : undefined;
if (status !== undefined) end(status);
// Loading the other commands, and the help, takes longer than a lock.
await import("./program.ts");
