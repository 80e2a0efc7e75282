import type { Owner } from "../contract/owner.ts";
import type { PlatformAbortSignal } from "../contract/platform.ts";
import type { RedisAdapter, Reply } from "./client/adapter.ts";
import { codeOf, explain } from "./client/errors.ts";
import { partOf, PREFIX } from "./client/names.ts";
import { ownerIn, SHARED } from "./lease/holder_value.ts";

/** The holder of a lock or of permits. */
export interface InspectedHolder {
  /** The owner, if it is recorded. */
  readonly owner: Owner | undefined;
  /** Milliseconds until its lease ends, unless it is renewed. */
  readonly leaseLeft: number;
  /** How many permits of a semaphore it holds. */
  readonly permits?: number;
}

/** A waiter. */
export interface InspectedWaiter {
  /** The name of the waiting object, of which a process can have several. */
  readonly client: string;
  /** Since when it waits, by the server's clock. */
  readonly since: Date;
  /** Whether it wants to share the lock. */
  readonly shared?: boolean;
  /** How many permits of a semaphore it wants. */
  readonly permits?: number;
}

/** A lock, as its server knows it. */
export interface InspectedLock {
  readonly name: string;
  readonly state: "free" | "held" | "shared";
  readonly holders: readonly InspectedHolder[];
  /** The last token minted; a `bigint` beyond 2^53. */
  readonly token: number | bigint | undefined;
  /** The last holder, if it did not release the lock: it died, or lost its lease. */
  readonly abandonedBy: Owner | undefined;
  readonly waiters: readonly InspectedWaiter[];
}

/** A semaphore, as its server knows it. */
export interface InspectedSemaphore {
  readonly name: string;
  /** How many permits there are. */
  readonly permits: number | undefined;
  readonly holders: readonly InspectedHolder[];
  /** The last token minted; a `bigint` beyond 2^53. */
  readonly token: number | bigint | undefined;
  readonly waiters: readonly InspectedWaiter[];
}

/** A number at a key. */
export interface InspectedCounter {
  readonly key: string;
  /** The value; a `bigint` beyond 2^53. */
  readonly value: number | bigint;
  /** Milliseconds until the server removes it; `undefined` if it does not expire. */
  readonly expiresIn: number | undefined;
}

/** The locks, semaphores and counters of a server. */
export interface RedisInspection {
  readonly locks: readonly InspectedLock[];
  readonly semaphores: readonly InspectedSemaphore[];
  readonly counters: readonly InspectedCounter[];
  /** Names and keys that have another kind of value, and what the server said. */
  readonly foreign: readonly { readonly key: string; readonly error: string }[];
}

/** Options for {@linkcode inspectRedis}; patterns are those of SCAN. */
export interface InspectionOptions {
  /**
   * The names of locks and semaphores.
   *
   * @default {"*"}
   */
  readonly match?: string;
  /** The keys of counters; none without a pattern, since any key can be a counter. */
  readonly counters?: string;
  readonly signal?: PlatformAbortSignal;
  /** The name of the server in messages. */
  readonly server?: string;
}

const PART = /^[^{]*\{(.*)\}:(lock|token|shared|queue|semaphore|semaphore-holds|semaphore-queue)$/s;
/** Keys that are not counters: those of locks, semaphores and operations. */
const OWN = new RegExp(`^${PREFIX}:(\\{|operation:)`);
/** How many names are inspected at the same time. */
const TOGETHER = 50;
/** How many keys the server scans at a time, between other commands. */
const COUNT = "500";

/**
 * Inspects the locks, semaphores and counters of a server by SCAN and reads, without blocking it. A
 * change meanwhile may be seen in part.
 *
 * @throws {UnreachableError} If the server did not answer.
 * @throws {RefusedError} If the user has no right to the commands.
 */
export async function inspectRedis(
  adapter: RedisAdapter,
  options: InspectionOptions = {},
): Promise<RedisInspection> {
  const { match = "*", counters: pattern, signal, server = "the server" } = options;
  try {
    const locks = new Set<string>();
    const semaphores = new Set<string>();
    for await (const key of keysLike(adapter, `${PREFIX}:{${match}}:*`, signal)) {
      const [, name, part] = PART.exec(key) ?? [];
      if (part === undefined) continue;
      (part.startsWith("semaphore") ? semaphores : locks).add(name);
    }
    const keys = new Set<string>();
    if (pattern !== undefined) {
      for await (const key of keysLike(adapter, pattern, signal)) {
        if (!OWN.test(key)) keys.add(key);
      }
    }
    const foreign: { key: string; error: string }[] = [];
    const all = async <T>(names: Set<string>, look: (name: string) => Promise<T>) => {
      const found: (T & object)[] = [];
      const sorted = [...names].sort();
      for (let i = 0; i < sorted.length; i += TOGETHER) {
        signal?.throwIfAborted();
        await Promise.all(
          sorted.slice(i, i + TOGETHER).map(async (name) => {
            try {
              const one = await look(name);
              if (one) found.push(one);
            } catch (error) {
              if (codeOf(error) !== "WRONGTYPE") throw error;
              foreign.push({ key: name, error: (error as Error).message });
            }
          }),
        );
      }
      return found;
    };
    const byName = (a: { name: string }, b: { name: string }) => a.name < b.name ? -1 : 1;
    return {
      locks: (await all(locks, (name) => inspectLock(adapter, name))).sort(byName),
      semaphores: (await all(semaphores, (name) => inspectSemaphore(adapter, name))).sort(byName),
      counters: (await all(keys, (key) => inspectCounter(adapter, key)))
        .sort((a, b) => a.key < b.key ? -1 : 1),
      foreign,
    };
  } catch (error) {
    throw explain(`inspect the locks of ${server}`, error);
  }
}

async function* keysLike(
  adapter: RedisAdapter,
  pattern: string,
  signal: PlatformAbortSignal | undefined,
): AsyncGenerator<string> {
  let cursor = "0";
  do {
    signal?.throwIfAborted();
    const reply = await adapter.send("SCAN", cursor, "MATCH", pattern, "COUNT", COUNT);
    const [next, keys] = reply as [Reply, string[]];
    yield* keys;
    cursor = String(next);
  } while (cursor !== "0");
}

async function inspectLock(
  adapter: RedisAdapter,
  name: string,
): Promise<InspectedLock | undefined> {
  const key = (part: string) => partOf(name, part);
  const [now, value, left, token, sharers, queue, seen] = await Promise.all([
    timeOf(adapter),
    adapter.send("GET", key("lock")),
    adapter.send("PTTL", key("lock")),
    adapter.send("HMGET", key("token"), "token", "holder") as Promise<(string | null)[]>,
    scored(adapter, key("shared")),
    scored(adapter, key("queue")),
    scored(adapter, key("seen")),
  ]);
  const minted = wholeIn(token[0]);
  const since = typeof minted === "number" ? new Date(minted / 1000) : undefined;
  const shared = value === SHARED;
  const holders: InspectedHolder[] = shared
    ? sharers.filter(([, end]) => end > now)
      .map(([sharer, end]) => ({ owner: ownerIn(sharer), leaseLeft: Math.ceil(end - now) }))
    : typeof value === "string"
    ? [{ owner: ownerIn(value, since), leaseLeft: Math.max(0, Number(left)) }]
    : [];
  return {
    name,
    state: holders.length === 0 ? "free" : shared ? "shared" : "held",
    holders,
    token: minted,
    abandonedBy: token[1] !== null && token[1] !== value ? ownerIn(token[1], since) : undefined,
    waiters: waitersIn(queue, seen, now),
  };
}

async function inspectSemaphore(
  adapter: RedisAdapter,
  name: string,
): Promise<InspectedSemaphore | undefined> {
  const key = (part: string) => partOf(name, part);
  const [now, members, [token, permits], queue, seen] = await Promise.all([
    timeOf(adapter),
    scored(adapter, key("semaphore-holds")),
    adapter.send("HMGET", key("semaphore"), "token", "permits") as Promise<Reply[]>,
    scored(adapter, key("semaphore-queue")),
    scored(adapter, key("semaphore-seen")),
  ]);
  return {
    name,
    permits: permits === null ? undefined : Number(permits),
    holders: members.filter(([, end]) => end > now).map(([member, end]) => ({
      owner: ownerIn(member),
      leaseLeft: Math.ceil(end - now),
      permits: Number.parseInt(member) || 1,
    })),
    token: wholeIn(token),
    waiters: waitersIn(queue, seen, now),
  };
}

async function inspectCounter(
  adapter: RedisAdapter,
  key: string,
): Promise<InspectedCounter | undefined> {
  if (await adapter.send("TYPE", key) !== "string") return undefined;
  const [value, left] = await Promise.all([adapter.send("GET", key), adapter.send("PTTL", key)]);
  const whole = wholeIn(value);
  if (whole === undefined) return undefined;
  const expires = Number(left);
  return { key, value: whole, expiresIn: expires < 0 ? undefined : expires };
}

/** The number in a text, never rounded: a big integer beyond 2^53. */
function wholeIn(text: Reply): number | bigint | undefined {
  if (typeof text === "number") return text;
  if (typeof text !== "string" || !/^(0|-?[1-9]\d{0,18})$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** Reads the server's clock, in milliseconds. */
async function timeOf(adapter: RedisAdapter): Promise<number> {
  const [seconds, micros] = await adapter.send("TIME") as [string, string];
  return Number(seconds) * 1000 + Number(micros) / 1000;
}

/** The members of a sorted set with their scores. */
async function scored(adapter: RedisAdapter, key: string): Promise<[string, number][]> {
  // One protocol replies with pairs, the other with one list.
  const reply = (await adapter.send("ZRANGE", key, "0", "-1", "WITHSCORES") as Reply[]).flat();
  return Array.from(
    { length: reply.length / 2 },
    (_, i) => [String(reply[2 * i]), Number(reply[2 * i + 1])],
  );
}

/** The waiters that count as alive. */
function waitersIn(
  queue: readonly [string, number][],
  seen: readonly [string, number][],
  now: number,
): InspectedWaiter[] {
  const until = new Map(seen);
  return queue.filter(([waiter]) => (until.get(waiter) ?? 0) >= now).map(([waiter, ticket]) => {
    const [mode, client, , wanted] = waiter.split(":");
    const since = new Date(ticket / 1000);
    return mode === "s"
      ? { client, since, permits: Number(wanted) }
      : { client, since, shared: mode === "r" };
  });
}
