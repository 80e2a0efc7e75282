import type { CountConfig } from "../src/counting/config.ts";
import { STRATEGY_NAMES, type StrategyName } from "../src/counting/strategies/names.ts";
import { UsageError } from "../src/host/usage_error.ts";
import { adapter } from "../src/runtime/mod.ts";

/** They call the C library of Linux. */
const OF_LINUX: ReadonlySet<StrategyName> = new Set(["file", "file-lock"]);

/** Defaults that differ from those on Linux: elsewhere, only the workers of a process share memory. */
export function defaultsOn(platform: string = adapter.platform): { readonly unit?: "worker" } {
  return platform === "linux" ? {} : { unit: "worker" };
}

/**
 * The strategies that can run on a system, of those that are wanted.
 *
 * @param skip Called with the reason if some of the default ones cannot run.
 * @throws {UsageError} If the configuration asks for what the system does not have.
 */
export function strategiesOn(
  { strategies, runtimes = [], unit }: CountConfig,
  skip: (reason: string) => void,
  platform: string = adapter.platform,
): readonly StrategyName[] {
  const wanted: readonly StrategyName[] = strategies ?? STRATEGY_NAMES;
  if (platform === "linux") return wanted;
  if (unit === "process" || runtimes.length > 1) {
    const what = unit === "process" ? "processes" : "several runtimes";
    throw new UsageError(
      `Cannot count with ${what} on ${platform}: processes share memory on Linux only. ` +
        "Use --unit worker and one runtime",
    );
  }
  const missing = wanted.filter((name) => OF_LINUX.has(name));
  if (missing.length === 0) return wanted;
  const reason = `${missing.join(", ")} on ${platform}: the text file is for Linux only`;
  if (strategies !== undefined) throw new UsageError(`Cannot run ${reason}`);
  skip(reason);
  return wanted.filter((name) => !OF_LINUX.has(name));
}
