import { Cluster, Redis } from "ioredis";
import { createCluster, createSentinel } from "redis";
import type { RedisSource } from "../../../src/redis/mod.ts";
import { MASTER } from "../../support/sentinel.ts";
import type { Target } from "./deployments.ts";

/** What an agent gives to its lock. */
export interface Source extends AsyncDisposable {
  readonly source: RedisSource | readonly RedisSource[];
}

const HOST = "127.0.0.1";

/** Makes a client for the servers of a lock: by the number of the agent, one of several kinds. */
export async function sourceOf(target: Target, number: number): Promise<Source> {
  if (target.kind === "servers") {
    const source = target.urls.length === 1 ? target.urls[0] : target.urls;
    return { source, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const nodes = target.ports.map((port) => ({ host: HOST, port }));
  if (target.kind === "cluster" && number % 2 === 0) {
    const source = createCluster({
      rootNodes: target.ports.map((port) => ({ url: `redis://${HOST}:${port}` })),
    });
    source.on("error", () => {});
    await source.connect();
    return { source, [Symbol.asyncDispose]: () => Promise.resolve(source.destroy()) };
  }
  if (target.kind === "sentinel" && number % 2 === 0) {
    const source = createSentinel({ name: MASTER, sentinelRootNodes: nodes });
    source.on("error", () => {});
    await source.connect();
    return { source, [Symbol.asyncDispose]: () => Promise.resolve(void source.destroy()) };
  }
  const source = target.kind === "cluster"
    ? new Cluster(nodes, { clusterRetryStrategy: () => 50 })
    : new Redis({ sentinels: nodes, name: MASTER, sentinelRetryStrategy: () => 50 });
  source.on("error", () => {});
  return { source, [Symbol.asyncDispose]: () => Promise.resolve(source.disconnect()) };
}
