import type { StrategyName } from "./names.ts";
import type { Strategy } from "./strategy.ts";

/**
 * Loads an experiment by its name. Each has its own module, so that a worker does not load those
 * that it does not run.
 */
export async function loadStrategy(name: StrategyName): Promise<Strategy> {
  switch (name) {
    case "file":
      return (await import("./file.ts")).file;
    case "file-lock":
      return (await import("./file.ts")).fileLock;
    case "value":
      return (await import("./values.ts")).value;
    case "value-lock":
      return (await import("./values.ts")).valueLock;
    case "value-lock-manual":
      return (await import("./values.ts")).valueLockManual;
    case "raw-value":
      return (await import("./values.ts")).rawValue;
    case "raw-value-lock":
      return (await import("./values.ts")).rawValueLock;
    case "array-lock":
      return (await import("./arrays.ts")).arrayLock;
    case "raw-array":
      return (await import("./arrays.ts")).rawArray;
    case "manager":
      return (await import("./managers.ts")).manager;
    case "manager-lock":
      return (await import("./managers.ts")).managerLock;
    case "manager-get-set":
      return (await import("./managers.ts")).managerGetSet;
    case "flag":
      return (await import("./flag.ts")).flag;
    case "atomic":
      return (await import("./counters.ts")).atomic;
    case "striped":
      return (await import("./counters.ts")).striped;
    case "redis":
      return (await import("./redis.ts")).redis;
    case "redis-get-set":
      return (await import("./redis.ts")).redisGetSet;
    case "redis-lock":
      return (await import("./redis.ts")).redisLock;
    case "redis-coalesced":
      return (await import("./redis.ts")).redisCoalesced;
  }
}
