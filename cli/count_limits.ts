import type { CountConfig } from "../src/counting/config.ts";
import { needsFile, type StrategyName } from "../src/counting/strategies/names.ts";
import { UsageError } from "../src/host/usage_error.ts";
import { adapter } from "../src/runtime/mod.ts";

/**
 * Settings that differ from those on Linux: elsewhere, only the workers of a process share memory.
 */
export function defaultsOn(platform: string = adapter.platform): { readonly unit?: "worker" } {
  return platform === "linux" ? {} : { unit: "worker" };
}

/** Why a strategy cannot run on a system; `undefined` if it can. */
export function leftOutOn(
  strategy: StrategyName,
  platform: string = adapter.platform,
): string | undefined {
  return platform !== "linux" && needsFile(strategy) ? "only on Linux" : undefined;
}

/**
 * Checks that a system can do what was asked for.
 *
 * @throws {UsageError} If not: says what it can do.
 */
export function checkPossible(
  { strategies = [], runtimes = [], unit }: CountConfig,
  platform: string = adapter.platform,
): void {
  if (platform === "linux") return;
  if (unit === "process" || runtimes.length > 1) {
    const what = unit === "process" ? "processes" : "several runtimes";
    throw new UsageError(
      `Cannot count with ${what} on ${platform}: processes share memory on Linux only. ` +
        "Use --unit worker and one runtime",
    );
  }
  const missing = strategies.filter((name) => leftOutOn(name, platform) !== undefined);
  if (missing.length === 0) return;
  throw new UsageError(`Cannot run ${missing.join(", ")} on ${platform}: only on Linux`);
}
