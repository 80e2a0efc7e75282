import type { RedisAdapter } from "../client/adapter.ts";
import { explain, RefusedError } from "../client/errors.ts";
import type { ReplicaOptions } from "./redis_lock_options.ts";

/**
 * Waits until enough replicas have what this connection has written so far.
 *
 * @throws {RefusedError} With the code `NOREPLICAS`, if fewer had it in time.
 */
export async function checkReplicas(
  adapter: RedisAdapter,
  name: string,
  { count, timeout }: ReplicaOptions,
): Promise<void> {
  let have: number;
  try {
    have = Number(await adapter.send("WAIT", `${count}`, `${timeout}`));
  } catch (error) {
    throw explain(`wait for the replicas of the lock "${name}"`, error);
  }
  if (have >= count) return;
  throw new RefusedError(
    `Cannot acquire the lock "${name}": ${have} of ${count} replicas had it within ${timeout} ms`,
    "NOREPLICAS",
  );
}
