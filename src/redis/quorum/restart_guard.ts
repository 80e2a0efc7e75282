import { explained } from "../client/errors.ts";
import { partOf } from "../client/names.ts";
import { Script } from "../client/script.ts";
import type { QuorumServer } from "./quorum_server.ts";
import type { ServerIdentities } from "./server_identities.ts";
import type { ServerReply } from "./server_replies.ts";

/** How much longer than a lease a server must be up: its INFO counts whole seconds. */
const UPTIME_MS = 1000;
/** A server that has been up for this long, and no lease is longer: it has forgotten no holder. */
const SETTLED_MS = 60_000;
/** How long a server keeps the longest lease of a lock after it was last asked for it. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/**
 * Tells a server the longest lease that a client counts on. `KEYS`: lease. `ARGV`: the lease and
 * how long to keep it, in ms. Replies the longest lease that the server was told, and its INFO.
 */
export const TELL_LEASE = `
local known = tonumber(redis.call('GET', KEYS[1]) or 0)
local lease, keep = tonumber(ARGV[1]), tonumber(ARGV[2])
if lease > known or lease == known and redis.call('PTTL', KEYS[1]) < keep / 2 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return { math.max(lease, known), redis.call('INFO', 'server') }
`;

const ASK = "ask a server how long it has been up";
const tellLease = new Script(TELL_LEASE);

/** What a server says after its answer to a request. */
export interface Confirmation {
  /** Whether it has granted the lock, and the hold stands. */
  readonly stands: boolean;
  /** For how many milliseconds it has been up. */
  readonly up: number;
  /** The longest lease that it was told, in milliseconds. */
  readonly longest: number;
}

/** A vote that does not count yet. */
export interface DelayedVote {
  /** In how many milliseconds it counts. */
  readonly in: number;
  readonly why: string;
}

/**
 * Decides which votes count. A server that was restarted may have forgotten its last vote, so it
 * has none until the lease of that vote would have ended. Leases can differ, so each server keeps
 * the longest one that it was told; the restarted one has forgotten that, too, but the others know
 * it.
 */
export class RestartGuard {
  readonly #servers: readonly QuorumServer[];
  readonly #identities: ServerIdentities;
  readonly #keys: readonly string[];
  readonly #lease: number;
  readonly #settled: number;

  /**
   * The guard of the lock called `name`.
   *
   * @param lease The longest lease that the client knows of, in milliseconds.
   * @param isLongest Whether it is surely the longest one of all clients.
   */
  constructor(
    servers: readonly QuorumServer[],
    identities: ServerIdentities,
    name: string,
    lease: number,
    isLongest: boolean,
  ) {
    this.#servers = servers;
    this.#identities = identities;
    this.#keys = [partOf(name, "lease")];
    this.#lease = lease;
    this.#settled = isLongest ? lease : Math.max(lease, SETTLED_MS);
  }

  /** Asks a server for how long it has been up, and for the longest lease; tells it its own. */
  async ask(server: number): Promise<Omit<Confirmation, "stands">> {
    const args = [`${this.#lease}`, `${KEPT_MS}`];
    const asked = tellLease.run(this.#servers[server].adapter, this.#keys, args);
    const [longest, info] = await explained(ASK, asked) as [number, string];
    return { up: this.#identities.note(server, info), longest };
  }

  /**
   * How many votes count, and how many do even if the servers that have not answered know a longer
   * lease.
   */
  count(replies: readonly ServerReply<Confirmation>[]): { votes: number; sure: number } {
    const least = this.#longest(replies) + UPTIME_MS;
    const votes = replies.flatMap((reply) =>
      "answer" in reply && reply.answer.stands && reply.answer.up >= least ? [reply.answer] : []
    );
    const sure = votes.filter(({ up }) => up >= this.#settled + UPTIME_MS);
    return { votes: votes.length, sure: sure.length };
  }

  /** The votes that count later. */
  delays(replies: readonly ServerReply<Confirmation>[]): DelayedVote[] {
    const longest = this.#longest(replies);
    return replies.flatMap((reply) => {
      if (!("answer" in reply) || !reply.answer.stands) return [];
      const left = longest + UPTIME_MS - reply.answer.up;
      const why = `${this.#servers[reply.server].label} has been up for ` +
        `${reply.answer.up / 1000} s and may have forgotten a holder, so it does not vote before ` +
        `the longest lease (${longest / 1000} s) has passed (restartGuard)`;
      return left > 0 ? [{ in: left, why }] : [];
    });
  }

  #longest(replies: readonly ServerReply<Confirmation>[]): number {
    const told = replies.map((reply) => "answer" in reply ? reply.answer.longest : 0);
    return Math.max(this.#lease, ...told);
  }
}
