import type { RedisAdapter } from "../client/adapter.ts";
import { explained, RefusedError } from "../client/errors.ts";
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
  const answer = adapter.send("WAIT", `${count}`, `${timeout}`);
  const have = Number(await explained(`wait for the replicas of the lock "${name}"`, answer));
  if (have >= count) return;
  throw new RefusedError(
    `Cannot acquire the lock "${name}": ${have} of ${count} replicas had it within ${timeout} ms`,
    "NOREPLICAS",
  );
}
