import { parseCount } from "../../src/counting/config.ts";
import type { CountResult } from "../../src/counting/result.ts";
import { runStrategy } from "../../src/counting/run.ts";
import { findRuntimes, type Runtime } from "../../src/host/runtimes.ts";
import type { StrategyName } from "../../src/counting/strategies/names.ts";
import { adapter } from "../../src/runtime/mod.ts";

/** The runtime that runs the tests. */
export const own: Runtime[] = await findRuntimes([adapter.name]);
/** All three runtimes. */
export const all: Runtime[] = await findRuntimes(["deno", "bun", "node"]);

/** Runs one experiment. */
export function count(
  strategy: StrategyName,
  runtimes: readonly Runtime[],
  settings: object,
): Promise<CountResult> {
  const config = parseCount(settings, "the test");
  return runStrategy({ strategy, runtimes }, config, new AbortController().signal);
}
