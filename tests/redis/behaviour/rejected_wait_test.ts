import { after, before, describe } from "node:test";
import { RedisLock, RedisSemaphore } from "../../../src/redis/mod.ts";
import { describeRejected, type WaitUnderTest } from "../../contract/describe_rejected.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";

/** So long that a test fails if it waits for the end of a lease. */
const FOR_EVER = { leaseTime: 600_000 };

describe("Redis", { skip }, () => {
  let server: RedisServer;
  let names = 0;
  before(async () => server = await RedisServer.start());
  after(() => server?.[Symbol.asyncDispose]());

  const media = {
    "A RedisLock": (name: string) => new RedisLock(server.url, name, FOR_EVER),
    "A fair RedisLock": (name: string) =>
      new RedisLock(server.url, name, { ...FOR_EVER, fair: true }),
    "A RedisSemaphore": (name: string) => new RedisSemaphore(server.url, name, 1, FOR_EVER),
  };
  for (const [title, open] of Object.entries(media)) {
    describeRejected(title, (): WaitUnderTest => {
      const name = `rejected-${++names}`;
      const [waiting, other] = [open(name), open(name)];
      return {
        acquire: (options) => waiting.acquire(options),
        closeWaiter: () => waiting.close(),
        tryTake: () => other.tryAcquire(),
        async close() {
          await waiting.close();
          await other.close();
        },
      };
    }, skip);
  }
});
