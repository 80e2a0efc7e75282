import { explained } from "../client/errors.ts";
import type { QuorumServer } from "./quorum_server.ts";

/** A vote that does not count yet. */
export interface DelayedVote {
  /** In how many milliseconds it counts. */
  readonly in: number;
  readonly why: string;
}

/** How much longer than a lease a server must be up: its INFO counts whole seconds. */
const UPTIME_MS = 1000;

/**
 * The delay of a server's vote; `undefined` if it counts now. A server that was restarted may have
 * forgotten its last vote, so it has none until the lease of that vote would have ended.
 */
export async function delayOf(
  { adapter, label }: QuorumServer,
  leaseTime: number,
): Promise<DelayedVote | undefined> {
  const answer = adapter.send("INFO", "server");
  const info = await explained("ask a server how long it has been up", answer);
  const up = 1000 * Number(/uptime_in_seconds:(\d+)/.exec(String(info))?.[1]);
  if (up >= leaseTime + UPTIME_MS) return undefined;
  const why = `${label} has been up for ${up / 1000} s and may have forgotten a holder, so it ` +
    "does not vote before a lease has passed (restartGuard)";
  return { in: leaseTime + UPTIME_MS - up, why };
}
