import { adapterOf } from "../src/redis/client/adapter_of.ts";
import { loadNodeRedis } from "../src/redis/client/node_redis_address.ts";
import {
  type InspectedLock,
  type InspectedSemaphore,
  inspectRedis,
} from "../src/redis/inspection.ts";
import type { Source, SourceFlags } from "./inspect_view.ts";

/** What is on the server at an address. */
export async function redisSource(
  redis: string,
  { match, counters, all }: SourceFlags,
): Promise<Source> {
  await loadNodeRedis(); // The time limit of the connection is not for this, on a busy machine.
  const adapter = adapterOf(redis);
  const server = URL.canParse(redis) ? new URL(redis).host : undefined;
  return {
    async look(signal) {
      const found = await inspectRedis(adapter, { match, counters, signal, server });
      const locks = found.locks.filter((lock) => all || isUsed(lock));
      const semaphores = found.semaphores.filter((semaphore) => all || isUsed(semaphore));
      const idle = found.locks.length + found.semaphores.length - locks.length -
        semaphores.length;
      return { ...found, locks, semaphores, idle };
    },
    close: () => adapter.close(),
  };
}

/** Whether it has a holder or a waiter, or its last holder did not release it. */
function isUsed(
  { holders, waiters, abandonedBy }:
    & Pick<InspectedSemaphore, "holders" | "waiters">
    & Partial<InspectedLock>,
): boolean {
  return holders.length > 0 || waiters.length > 0 || abandonedBy !== undefined;
}
