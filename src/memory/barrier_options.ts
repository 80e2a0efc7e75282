import { nameOf } from "../contract/options.ts";
import { checkOptions } from "./arguments.ts";

/** The most parties of a barrier: as many as threads can have a memory open. */
export const MOST_PARTIES = 1023;

/** Options for `Barrier`. */
export interface BarrierOptions {
  /** How many waits it takes to let all of them go on, from 1 to 1,023: the same for all users. */
  parties: number;
  /**
   * Runs in the last to arrive, before the others go on. If it throws, the barrier breaks, and that
   * wait throws the error. It must not wait for the same barrier, since that wait would never end.
   */
  action?: () => void;
}

/** Checks a barrier's options; returns its number of parties. */
export function partiesOf(options: BarrierOptions): number {
  const task = "make a barrier";
  checkOptions(options, task);
  const { parties, action }: { parties?: unknown; action?: unknown } = options ?? {};
  if (typeof parties !== "number" || !Number.isInteger(parties)) {
    throw new TypeError(`Cannot ${task}: parties must be a whole number, not ${nameOf(parties)}`);
  }
  if (parties < 1 || parties > MOST_PARTIES) {
    throw new RangeError(
      `Cannot ${task}: parties must be from 1 to ${MOST_PARTIES} (given ${parties})`,
    );
  }
  if (action === undefined || typeof action === "function") return parties;
  throw new TypeError(`Cannot ${task}: action must be a function, not ${nameOf(action)}`);
}
