/**
 * The environment variable with the server's address: all users can read arguments, and passwords
 * in them.
 */
export const REDIS_VARIABLE = "INTERLOCK_COUNT_REDIS";

/** The time limit of a command to a server that the workers keep busy, in milliseconds. */
export const COMMAND_TIMEOUT_MS = 60_000;

/** Returns the key of a cell; all keys of a run begin with `run`. */
export function keyOf(run: string, cell: number): string {
  return `${run}:${cell}`;
}
