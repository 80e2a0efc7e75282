import { explain } from "./errors.ts";
import type { Voter } from "./voter.ts";

/** A vote that counts later. */
export interface Later {
  /** In how many milliseconds. */
  readonly in: number;
  readonly why: string;
}

/** How much longer a server has to be up than a lease: its INFO counts whole seconds. */
const UPTIME_MS = 1000;

/**
 * When the vote of a server counts; `undefined` where it does now. After a restart it may have
 * forgotten whom it has voted for, so it does not until that vote would have ended.
 */
export async function laterAt(
  { adapter, label }: Voter,
  leaseTime: number,
): Promise<Later | undefined> {
  let info: unknown;
  try {
    info = await adapter.send("INFO", "server");
  } catch (error) {
    throw explain("ask a server how long it has been up", error);
  }
  const up = 1000 * Number(/uptime_in_seconds:(\d+)/.exec(String(info))?.[1]);
  if (up >= leaseTime + UPTIME_MS) return undefined;
  const why = `${label} has been up for ${up / 1000} s and may have forgotten a holder, so it ` +
    "does not vote before a lease has passed (restartGuard)";
  return { in: leaseTime + UPTIME_MS - up, why };
}
