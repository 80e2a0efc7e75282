import { nameOf } from "../../contract/options.ts";
import type { LockSettings } from "./redis_lock_options.ts";

/** The greatest number of names of one lock: a script holds the server up for all of them. */
const MOST_NAMES = 100;

/**
 * Checks the names of a lock, and puts several in one order.
 *
 * @throws {TypeError} If there is none, or one is there twice; if several names cannot be used with
 * these settings.
 * @throws {RangeError} If there are too many.
 */
export function namesOf(
  name: string | readonly string[],
  { shared, localHandOff, replicas }: LockSettings,
): readonly string[] {
  if (!Array.isArray(name)) return [name as string];
  const names = [...name as readonly string[]];
  if (names.length > MOST_NAMES) {
    throw new RangeError(
      `Cannot create a lock of ${names.length} names: there must be at most ${MOST_NAMES}`,
    );
  }
  const wrong = names.find((each) => typeof each !== "string");
  const why = names.length === 0
    ? "there must be at least one"
    : names.some((each) => typeof each !== "string")
    ? `each must be a string, not ${nameOf(wrong)}`
    : new Set(names).size < names.length
    ? "one is there twice. Give each name once"
    : undefined;
  if (why !== undefined) throw new TypeError(`Cannot create a lock of these names: ${why}`);
  if (names.length > 1 && shared) throw noSharing();
  const option = localHandOff ? "localHandOff" : replicas && "replicas";
  if (names.length > 1 && option !== undefined) {
    throw new TypeError(`Cannot create a lock of several names with ${option}: leave it out`);
  }
  return names.sort();
}

/** The error of a shared request for several names. */
export function noSharing(): TypeError {
  return new TypeError(
    "Cannot share a lock of several names: it is only exclusive. Leave out shared, or use one name",
  );
}
