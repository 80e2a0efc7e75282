import { after, before } from "node:test";
import {
  adapterOf,
  type RedisAdapter,
  RedisLock,
  type RedisLockOptions,
} from "../../src/redis/mod.ts";
import { RedisServer, type RedisServerOptions, skip } from "../support/redis_server.ts";
import { until } from "../support/until.ts";

/** The machine may be busy. */
const LATE = { commandTimeout: 20_000 };

/** The servers of a suite of tests, and a connection to each. There are none before its first test. */
export interface Suite {
  readonly servers: readonly RedisServer[];
  readonly adapters: readonly RedisAdapter[];
  /** The first server, and the connection to it. */
  readonly server: RedisServer;
  readonly redis: RedisAdapter;
}

/** Starts servers before the tests of a suite, and ends them after these. A skipped suite has none. */
export function startServers(count = 1, options?: RedisServerOptions): Suite {
  const servers: RedisServer[] = [];
  const adapters: RedisAdapter[] = [];
  if (skip === false) {
    before(async () => {
      const starting = Array.from({ length: count }, () => RedisServer.start(options));
      servers.push(...await Promise.all(starting));
      adapters.push(...servers.map(({ url }) => adapterOf(url, LATE)));
      // On a busy machine, the client takes long to load.
      const connected = (adapter: RedisAdapter) =>
        adapter.send("PING").then(() => true, () => false);
      for (const adapter of adapters) await until("a connection", () => connected(adapter));
    });
    after(async () => {
      await Promise.all(adapters.map((adapter) => adapter.close()));
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    });
  }
  return {
    servers,
    adapters,
    get server() {
      return servers[0];
    },
    get redis() {
      return adapters[0];
    },
  };
}

/** Adds the user `plain` with the password `pw`, who may do everything but run scripts. */
export async function addUserWithoutScripts(admin: RedisAdapter): Promise<void> {
  const rules = ["on", ">pw", "~*", "+@all", "-eval", "-evalsha"];
  await admin.send("ACL", "SETUSER", "plain", ...rules);
}

/** Runs `body` with `count` objects of one lock, and closes them. */
export async function withLocks(
  count: number,
  source: RedisAdapter | readonly RedisAdapter[],
  name: string,
  options: RedisLockOptions & { commandTimeout?: number },
  body: (locks: RedisLock[], name: string) => Promise<void>,
): Promise<void> {
  const locks = Array.from({ length: count }, () => new RedisLock(source, name, options));
  try {
    await body(locks, name);
  } finally {
    await Promise.all(locks.map((lock) => lock.close()));
  }
}

/** Resolves when a lease at a server, the one of a key, has been renewed `times` times. */
export async function renewedAt(redis: RedisAdapter, key: string, times = 1): Promise<void> {
  const left = async () => Number(await redis.send("PTTL", key));
  for (let before = await left(); times > 0; times--) {
    await until(`a renewal of "${key}"`, async () => {
      const now = await left();
      if (now < 0) throw new Error(`The lease of "${key}" has ended`);
      const isRenewed = now > before;
      before = now;
      return isRenewed;
    });
  }
}

/** Resolves when so many clients wait for a lock at a server. */
export async function waitersAt(redis: RedisAdapter, name: string, count: number): Promise<void> {
  const key = `interlock:{${name}}:queue`;
  await until(`${count} waiters`, async () => await redis.send("ZCARD", key) === count);
}
