import type { RedisAdapter } from "./adapter.ts";
import { explain, RefusedError } from "./errors.ts";
import type { ReplicaWait } from "./redis_lock_options.ts";

/**
 * Waits until so many replicas have what this connection has written so far.
 *
 * @throws {RefusedError} With the code `NOREPLICAS`, if fewer had it in time.
 */
export async function checkReplicas(
  adapter: RedisAdapter,
  name: string,
  { replicas, timeout }: ReplicaWait,
): Promise<void> {
  let have: number;
  try {
    have = Number(await adapter.send("WAIT", `${replicas}`, `${timeout}`));
  } catch (error) {
    throw explain(`wait for the replicas of the lock "${name}"`, error);
  }
  if (have >= replicas) return;
  throw new RefusedError(
    `Cannot take the lock "${name}": ${have} of ${replicas} replicas had it within ${timeout} ms`,
    "NOREPLICAS",
  );
}
