import { CommanderError } from "commander";
import process from "node:process";
import { missingPermission } from "../runtime/adapters/missing_permission.ts";
import { Interruption } from "./interruption.ts";
import { UsageError } from "./usage_error.ts";

/**
 * Prints an error and returns the exit status: 2 for a command that cannot be understood, 1 for one
 * that failed.
 */
export function statusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // Commander has printed it.
  if (error instanceof Interruption) return error.status;
  const message = missingPermission(error) ??
    (error instanceof Error ? error.message : String(error));
  process.stderr.write(`${message}\n`);
  return error instanceof UsageError ? 2 : 1;
}
