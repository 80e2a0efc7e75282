import { Redis } from "ioredis";
import { createClient } from "redis";
import type { RedisSource } from "../../src/redis/mod.ts";

/** A client, as a user would make it. */
export interface TestClient extends AsyncDisposable {
  readonly source: RedisSource;
}

/** The ways to reach a server, by their names; Bun's own client in Bun alone. */
export const CLIENTS: Readonly<Record<string, (url: string) => Promise<TestClient>>> = {
  address: (url) =>
    Promise.resolve({ source: url, [Symbol.asyncDispose]: () => Promise.resolve() }),
  "node-redis": async (url) => {
    const source = createClient({ url });
    source.on("error", () => {});
    await source.connect();
    return {
      source,
      [Symbol.asyncDispose]() {
        if (source.isOpen) source.destroy();
        return Promise.resolve();
      },
    };
  },
  ioredis: (url) => {
    const source = new Redis(url, { retryStrategy: () => 20 });
    source.on("error", () => {});
    return Promise.resolve({
      source,
      [Symbol.asyncDispose]() {
        source.disconnect();
        return Promise.resolve();
      },
    });
  },
  ..."Bun" in globalThis && {
    bun: (url: string) => {
      // deno-lint-ignore no-explicit-any -- The types of Bun are not among ours.
      const source = new (globalThis as any).Bun.RedisClient(url);
      return Promise.resolve({
        source,
        [Symbol.asyncDispose]() {
          source.close();
          return Promise.resolve();
        },
      });
    },
  },
};
