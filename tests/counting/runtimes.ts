import { parseCount } from "../../src/counting/config.ts";
import type { CountResult } from "../../src/counting/result.ts";
import { runStrategy } from "../../src/counting/run.ts";
import { findRuntimes, type Runtime } from "../../src/host/runtimes.ts";
import { PrivateServer } from "../../src/host/redis_server.ts";
import { needsRedis, type StrategyName } from "../../src/counting/strategies/names.ts";
import { adapter } from "../../src/runtime/mod.ts";

/** The runtime that runs the tests. */
export const own: Runtime[] = await findRuntimes([adapter.name]);
/** All three runtimes. */
export const all: Runtime[] = await findRuntimes(["deno", "bun", "node"]);

/** Runs one experiment, on a private server if it needs one. */
export async function count(
  strategy: StrategyName,
  runtimes: readonly Runtime[],
  settings: object,
): Promise<CountResult> {
  const config = parseCount(settings, "the test");
  const { workers, granularity = "increment" } = config;
  const run = { strategy, runtimes, workers, granularity };
  await using server = new PrivateServer(config.redis);
  const redis = needsRedis(strategy) ? await server.start() : undefined;
  return await runStrategy(run, { ...config, redis }, new AbortController().signal);
}
