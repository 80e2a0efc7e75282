import { after, before } from "node:test";
import { RedisLock } from "../../src/redis/mod.ts";
import { describeSharableLock } from "../contract/describe_sharable_lock.ts";
import { RedisServer, skip } from "../support/redis_server.ts";

let server: RedisServer;
if (skip === false) {
  before(async () => server = await RedisServer.start());
  after(() => server[Symbol.asyncDispose]());
}

let names = 0;
describeSharableLock("RedisLock", () => {
  const name = `sharable ${++names}`;
  const [lock, other] = [1, 2].map(() => new RedisLock(server.url, name));
  return {
    lock,
    other,
    close: async () => void await Promise.all([lock.close(), other.close()]),
  };
}, skip);
