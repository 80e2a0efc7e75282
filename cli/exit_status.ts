import { CommanderError } from "commander";
import process from "node:process";
import { Interruption } from "./interruption.ts";
import { UsageError } from "./usage_error.ts";

/**
 * What a shell sees of an error, after it was said: 2 for a command that cannot be understood, 1
 * for one that failed.
 */
export function statusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // It has said why.
  if (error instanceof Interruption) return error.status;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof UsageError ? 2 : 1;
}
