import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import Redis4 from "ioredis4";
import { createClient } from "redis";
import { createClient as createClient5 } from "redis5";
import type { RedisSource } from "../../src/redis/mod.ts";

/** A client, as a user would make it. */
export interface TestClient extends AsyncDisposable {
  readonly source: RedisSource;
}

type Connect = (url: string) => Promise<TestClient>;

const byNodeRedis = (create: typeof createClient): Connect => async (url) => {
  const source = create({ url });
  source.on("error", () => {});
  await source.connect();
  return {
    source,
    [Symbol.asyncDispose]() {
      if (source.isOpen) source.destroy();
      return Promise.resolve();
    },
  };
};

const byIoredis = (Client: typeof Redis): Connect => (url) => {
  const source = new Client(url, { retryStrategy: () => 20 });
  source.on("error", () => {});
  return Promise.resolve({
    source,
    [Symbol.asyncDispose]: () => Promise.resolve(source.disconnect()),
  });
};

/** The ways to reach a server, by their names; Bun's own client in Bun alone. */
export const CLIENTS: Readonly<Record<string, Connect>> = {
  address: (url) =>
    Promise.resolve({ source: url, [Symbol.asyncDispose]: () => Promise.resolve() }),
  "node-redis": byNodeRedis(createClient),
  ioredis: byIoredis(Redis),
  ..."Bun" in globalThis && {
    bun: (url: string) => {
      // deno-lint-ignore no-explicit-any -- The types of Bun are not among ours.
      const source = new (globalThis as any).Bun.RedisClient(url);
      return Promise.resolve({
        source,
        [Symbol.asyncDispose]: () => Promise.resolve(source.close()),
      });
    },
  },
};

/** The same, and the older versions of the packages that are supported. */
export const ALL_CLIENTS: Readonly<Record<string, Connect>> = {
  ...CLIENTS,
  // Their types differ from those of the last version in what is not used here.
  "node-redis 5": byNodeRedis(createClient5 as unknown as typeof createClient),
  "ioredis 5": byIoredis(Redis5 as unknown as typeof Redis),
  "ioredis 4": byIoredis(Redis4 as unknown as typeof Redis),
};
