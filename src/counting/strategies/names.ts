/** The names of the experiments: first those of the book in its order, then additional ones. */
export const STRATEGY_NAMES = [
  "file",
  "file-lock",
  "value",
  "value-lock",
  "value-lock-manual",
  "raw-value",
  "raw-value-lock",
  "array-lock",
  "raw-array",
  "manager",
  "manager-lock",
  "manager-get-set",
  "flag",
  "atomic",
  "striped",
  "redis",
  "redis-get-set",
  "redis-lock",
  "redis-coalesced",
] as const;

/** The name of an experiment. */
export type StrategyName = typeof STRATEGY_NAMES[number];

const RACY: ReadonlySet<StrategyName> = new Set(
  ["file", "value", "raw-value", "manager-get-set", "redis-get-set"],
);

/** Whether the experiment counts in a text file. */
export function needsFile(name: StrategyName): boolean {
  return name.startsWith("file");
}

/** Whether the experiment runs on a Redis server. */
export function needsRedis(name: StrategyName): boolean {
  return name.startsWith("redis");
}

/** Whether the experiment must be exact: a racy one must with a single worker. */
export function isExact(name: StrategyName, workers: number): boolean {
  return workers === 1 || !RACY.has(name);
}
