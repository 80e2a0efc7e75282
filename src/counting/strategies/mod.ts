import { arrayLock, rawArray } from "./arrays.ts";
import { atomic, striped } from "./counters.ts";
import { file, fileLock } from "./file.ts";
import { flag } from "./flag.ts";
import { manager, managerGetSet, managerLock } from "./managers.ts";
import type { StrategyName } from "./names.ts";
import type { Strategy } from "./strategy.ts";
import { rawValue, rawValueLock, value, valueLock, valueLockManual } from "./values.ts";

/** The experiments by name. */
export const STRATEGIES: Readonly<Record<StrategyName, Strategy>> = {
  file,
  "file-lock": fileLock,
  value,
  "value-lock": valueLock,
  "value-lock-manual": valueLockManual,
  "raw-value": rawValue,
  "raw-value-lock": rawValueLock,
  "array-lock": arrayLock,
  "raw-array": rawArray,
  manager,
  "manager-lock": managerLock,
  "manager-get-set": managerGetSet,
  flag,
  atomic,
  striped,
};
