import { RedisLock } from "../../../src/redis/mod.ts";
import { describeSharableLock } from "../../contract/describe_sharable_lock.ts";
import { skip } from "../../support/redis_server.ts";
import { startServers } from "../suite.ts";

const { adapters } = startServers(3);

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
