import { after, before } from "node:test";
import { adapterOf, type RedisAdapter, RedisLock } from "../../../src/redis/mod.ts";
import { describeSharableLock } from "../../contract/describe_sharable_lock.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";

let servers: RedisServer[] = [];
let adapters: RedisAdapter[] = [];
if (skip === false) {
  before(async () => {
    servers = await Promise.all([1, 2, 3].map(() => RedisServer.start()));
    adapters = servers.map(({ url }) => adapterOf(url));
  });
  after(async () => {
    await Promise.all(adapters.map((adapter) => adapter.close()));
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });
}

let names = 0;
for (const count of [1, 3]) {
  describeSharableLock(count === 1 ? "RedisLock" : `RedisLock of ${count} servers`, () => {
    const name = `sharable ${++names}`;
    const source = count === 1 ? adapters[0] : adapters;
    // The servers of a test are fresh.
    const options = count === 1 ? {} : { restartGuard: false, commandTimeout: 5000 };
    const [lock, other] = [1, 2].map(() => new RedisLock(source, name, options));
    return {
      lock,
      other,
      close: async () => void await Promise.all([lock.close(), other.close()]),
    };
  }, skip);
}
