/** Where a worker finds the address: arguments are there for everybody to read, passwords in it. */
export const REDIS_VARIABLE = "INTERLOCK_COUNT_REDIS";

/** How long to wait for a server that the workers of a run keep busy, in milliseconds. */
export const PATIENCE_MS = 60_000;

/** The key of a cell of the run whose keys begin with `run`. */
export function keyOf(run: string, cell: number): string {
  return `${run}:${cell}`;
}
