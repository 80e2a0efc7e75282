import { COUNTER } from "../../src/redis/counter/counter_scripts.ts";
import {
  ACQUIRE,
  DOWNGRADE,
  RAISE,
  RELEASE,
  RENEW,
  TAKE,
  UPGRADE,
} from "../../src/redis/server_lock/lock_scripts.ts";
import { RETURN_RATE, TAKE_RATE } from "../../src/redis/limiter/limiter_scripts.ts";
import { type RedisAdapter, type Reply, Script } from "../../src/redis/mod.ts";
import {
  RELEASE_PERMITS,
  RENEW_PERMITS,
  TAKE as TAKE_PERMITS,
} from "../../src/redis/semaphore/semaphore_scripts.ts";

const LOCK = ["lock", "token", "shared", "queue", "seen"].map((part) => `{n}:${part}`);
const [lock, token, shared, queue, seen] = LOCK;
const PERMITS = ["permits", "holds", "permits-queue", "permits-seen"];
const RATE = ["rate", "rate-log"];
const LATER = `${(Date.now() + 3_600_000)}`;
const WAITER = "w:0123:1";

/** A script with keys and arguments for one of its branches. */
export interface ScriptBranch {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  /** The commands that prepare the keys. */
  readonly there?: readonly (readonly string[])[];
}

const take = new Script(TAKE);
const acquire = new Script(ACQUIRE);
const renew = new Script(RENEW);
const release = new Script(RELEASE);
const downgrade = new Script(DOWNGRADE);
const upgrade = new Script(UPGRADE);
const takePermits = new Script(TAKE_PERMITS);
const releasePermits = new Script(RELEASE_PERMITS);

const HELD = [["SET", lock, "me", "PX", "60000"], [
  "HSET",
  token,
  ...["token", "5", "holder", "me", "before", "she"],
]];
const BY_ANOTHER = [["SET", lock, "she", "PX", "60000"]];
const SHARED = [["SET", lock, "r", "PX", "60000"], ["ZADD", shared, LATER, "me"]];
const DEAD_SHARER = [["SET", lock, "r", "PX", "60000"], ["ZADD", shared, "1", "she"]];
const DEAD_WAITER = [["ZADD", queue, "1", WAITER], ["ZADD", seen, "1", WAITER]];
const LIVE_WAITER = [["ZADD", queue, "1", WAITER], ["ZADD", seen, LATER, WAITER]];
const LIVE_SHARER = [["ZADD", queue, "1", "r:0123:1"], ["ZADD", seen, LATER, "r:0123:1"]];
const UNSHARING = [lock, token, queue, seen, shared];
const asks = (
  mode: string,
  fair: string,
  waiter = "",
) => ["me", "60000", "1", mode, fair, waiter, ""];
/** A waiter that has come just now, and listens. */
const NEW_WAITER = [["ZADD", queue, `${LATER}000`, "w:0123:1:60000:1 she"], [
  "ZADD",
  seen,
  `${LATER}.5`,
  "w:0123:1:60000:1 she",
]];
/** The channel of the waiters here. */
export const CHANNEL = "{n}:wake:0123";
const permits = (
  fair: string,
  waiter = "",
) => ["me", "60000", "2", "3", fair, waiter, "", "wake:"];
const add = (n: number, expireAfter = "", parcel = "") =>
  [n, -n, -100, 100, 0, 0, expireAfter, 60000, parcel].map(String);
const HELD_PERMITS = [
  ["ZADD", PERMITS[1], LATER, "2:me"],
  ["HSET", PERMITS[0], "token", "5", "permits", "3", "used", "2"],
];
const DEAD_PERMITS = [["ZADD", PERMITS[1], "1", "3:she"], ["HSET", PERMITS[0], "used", "3"]];
const WAITER_FOR_ONE = [["ZADD", PERMITS[2], "1", "s:0123:1:1"], [
  "ZADD",
  PERMITS[3],
  LATER,
  "s:0123:1:1",
]];

const takeRate = new Script(TAKE_RATE);
const returnRate = new Script(RETURN_RATE);
const NOW_US = Date.now() * 1000;

/** All branches of the scripts that differ in their writes. */
export const BRANCHES: Readonly<Record<string, ScriptBranch>> = {
  "acquires a lock": { script: take, keys: [lock, token], args: ["me", "60000", "1"] },
  "acquires a lock that was not released": {
    script: take,
    keys: [lock, token],
    args: ["me", "60000", "1"],
    there: [["HSET", token, "token", "5", "holder", "she"]],
  },
  "acquires a lock again": {
    script: take,
    keys: [lock, token],
    args: ["me", "60000", "1"],
    there: HELD,
  },
  "acquires a lock with a queue": {
    script: acquire,
    keys: LOCK,
    args: asks("w", "1", "w:4567:1"),
    there: DEAD_WAITER,
  },
  "acquires a lock after dead sharers": {
    script: acquire,
    keys: LOCK,
    args: asks("w", "0"),
    there: DEAD_SHARER,
  },
  "waits for a lock": {
    script: acquire,
    keys: LOCK,
    args: asks("w", "0", WAITER),
    there: BY_ANOTHER,
  },
  "shares a free lock": { script: acquire, keys: LOCK, args: asks("r", "0") },
  "shares a shared lock": {
    script: acquire,
    keys: LOCK,
    args: asks("r", "0"),
    there: [["SET", lock, "r", "PX", "60000"], ["ZADD", shared, LATER, "she"]],
  },
  "renews a lock": { script: renew, keys: [lock], args: ["me", "90000"], there: HELD },
  "renews a shared hold": {
    script: renew,
    keys: [lock, shared],
    args: ["me", "90000"],
    there: SHARED,
  },
  "tells a token": {
    script: new Script(RAISE),
    keys: [lock, token],
    args: ["me", "9"],
    there: HELD,
  },
  "downgrades a lock": {
    script: downgrade,
    keys: UNSHARING,
    args: ["me", "60000", "0"],
    there: HELD,
  },
  "downgrades a lock to waiting sharers": {
    script: downgrade,
    keys: UNSHARING,
    args: ["me", "60000", "0"],
    there: [...HELD, ...LIVE_SHARER],
  },
  "downgrades a lock again": {
    script: downgrade,
    keys: UNSHARING,
    args: ["me", "90000", "0"],
    there: SHARED,
  },
  "upgrades a shared hold": {
    script: upgrade,
    keys: [lock, token, shared],
    args: ["I", "60000", "1", "me"],
    there: SHARED,
  },
  "upgrades a shared hold after a holder that did not release": {
    script: upgrade,
    keys: [lock, token, shared],
    args: ["I", "60000", "1", "me"],
    there: [...SHARED, ["ZADD", shared, "1", "she"], [
      "HSET",
      token,
      "token",
      "5",
      "holder",
      "she",
    ]],
  },
  "upgrades a shared hold again": {
    script: upgrade,
    keys: [lock, token, shared],
    args: ["me", "90000", "1", "I"],
    there: HELD,
  },
  "releases a lock": {
    script: release,
    keys: [lock, token, queue, seen],
    args: ["me", "0"],
    there: HELD,
  },
  "releases a lock to a waiter": {
    script: release,
    keys: [lock, token, queue, seen],
    args: ["me", "0"],
    there: [...HELD, ...LIVE_WAITER],
  },
  "releases a lock with a dead waiter": {
    script: release,
    keys: [lock, token, queue, seen],
    args: ["me", "0"],
    there: [...HELD, ...DEAD_WAITER],
  },
  "grants a lock to a waiter": {
    script: release,
    keys: [lock, token, queue, seen],
    args: ["me", "0"],
    there: [...HELD, ...NEW_WAITER],
  },
  "releases a lock with tokens that were not used": {
    script: release,
    keys: [lock, token, queue, seen],
    args: ["me", "3"],
    there: HELD,
  },
  "withdraws": {
    script: release,
    keys: [lock, token, queue, seen],
    args: ["me", "0", WAITER],
    there: [...HELD, ...LIVE_WAITER],
  },
  "withdraws from the queue": {
    script: release,
    keys: [lock, token, queue, seen],
    args: ["me", "0", WAITER],
    there: [...BY_ANOTHER, ...LIVE_WAITER],
  },
  "releases a shared hold": {
    script: release,
    keys: UNSHARING,
    args: ["me", "0"],
    there: [...SHARED, ...LIVE_WAITER],
  },
  "acquires permits": { script: takePermits, keys: PERMITS, args: permits("0") },
  "acquires permits of dead holders": {
    script: takePermits,
    keys: PERMITS,
    args: permits("1", "s:4567:1:2"),
    there: [...DEAD_PERMITS, ...WAITER_FOR_ONE],
  },
  "waits for permits": {
    script: takePermits,
    keys: PERMITS,
    args: permits("0", "s:4567:1:2"),
    there: [["ZADD", PERMITS[1], LATER, "2:she"]],
  },
  "acquires permits again": {
    script: takePermits,
    keys: PERMITS,
    args: permits("0"),
    there: [...HELD_PERMITS, ["ZADD", PERMITS[1], "1", "1:she"]],
  },
  "renews permits": {
    script: new Script(RENEW_PERMITS),
    keys: [PERMITS[1]],
    args: ["me", "90000", "2"],
    there: HELD_PERMITS,
  },
  "releases permits": {
    script: releasePermits,
    keys: PERMITS,
    args: ["me", "2", "3", "", "wake:"],
    there: [...HELD_PERMITS, ...WAITER_FOR_ONE],
  },
  "releases permits beside dead holders": {
    script: releasePermits,
    keys: PERMITS,
    args: ["me", "2", "3", "s:0123:1:1", "wake:"],
    there: [...HELD_PERMITS, ["ZADD", PERMITS[1], "1", "1:she"], ...WAITER_FOR_ONE],
  },
  "limits by a window": { script: takeRate, keys: RATE, args: ["2", "9", "1000000", "", "0"] },
  "limits by a window with old grants": {
    script: takeRate,
    keys: RATE,
    args: ["2", "9", "3600000000", "", "0"],
    there: [
      ["HSET", RATE[0], "at", `${NOW_US}`, "ahead", "0"],
      ["ZADD", RATE[1], "3", "1", "4", "2", "6", `${NOW_US}`],
    ],
  },
  "limits after the clock was set back": {
    script: takeRate,
    keys: RATE,
    args: ["3", "9", "3600000000", "", "0"],
    there: [
      ["HSET", RATE[0], "at", `${NOW_US * 2}`],
      ["ZADD", RATE[1], "3", "1", "4", "2", "9", `${NOW_US * 2}`],
    ],
  },
  "limits by a bucket": { script: takeRate, keys: RATE, args: ["2", "9", "1000000", "9", "0"] },
  "gives back to a window": {
    script: returnRate,
    keys: RATE,
    args: ["2", "9", "3600000000", "", `${NOW_US}`],
    there: [
      ["HSET", RATE[0], "at", `${NOW_US}`, "ahead", "0"],
      ["ZADD", RATE[1], "3", "1", "5", `${NOW_US}`, "7", `${NOW_US * 2}`],
    ],
  },
  "gives back to a bucket": {
    script: returnRate,
    keys: RATE,
    args: ["2", "9", "3600000000", "9", `${NOW_US}`],
    there: [["HSET", RATE[0], "at", `${NOW_US}`, "ahead", "0", "level", "1"]],
  },
  "grants permits to a waiter": {
    script: releasePermits,
    keys: PERMITS,
    args: ["me", "2", "3", "", "{n}:wake:"],
    there: [
      ...HELD_PERMITS,
      ["ZADD", PERMITS[2], `${LATER}000`, "s:0123:1:3:60000 she"],
      ["ZADD", PERMITS[3], `${LATER}.5`, "s:0123:1:3:60000 she"],
    ],
  },
  "adds": { script: COUNTER, keys: ["n"], args: add(3) },
  "adds to a number": { script: COUNTER, keys: ["n"], args: add(3), there: [["SET", "n", "4"]] },
  "adds with an expiry": { script: COUNTER, keys: ["n"], args: add(3, "60000") },
  "adds an operation": { script: COUNTER, keys: ["n", "record"], args: add(3) },
  "adds an operation with an expiry": {
    script: COUNTER,
    keys: ["n", "record"],
    args: add(3, "60000"),
    there: [["SET", "n", "4"]],
  },
  "adds a parcel": {
    script: COUNTER,
    keys: ["n", "record"],
    args: add(3, "", "2"),
    there: [["SET", "n", "4"], ["SET", "record", "1 4 4", "PX", "60000"]],
  },
  "refuses a parcel": { script: COUNTER, keys: ["n", "record"], args: add(101, "", "2") },
  "refuses a parcel, from near 2^53": {
    script: COUNTER,
    keys: ["n", "record"],
    args: add(101, "", "2"),
    there: [["SET", "n", "9007199254740991"]],
  },
  "does not add beyond": { script: COUNTER, keys: ["n"], args: add(101) },
  "does not add beyond, from near 2^53": {
    script: COUNTER,
    keys: ["n"],
    args: add(101),
    there: [["SET", "n", "9007199254740991"]],
  },
  "sets": { script: COUNTER, keys: ["n"], args: ["7", "", "", ""] },
  "sets to less": { script: COUNTER, keys: ["n"], args: ["-7", "min", "60000", "1"] },
  "sets to more": {
    script: COUNTER,
    keys: ["n"],
    args: ["7", "max", "60000", "1"],
    there: [["SET", "n", "4"]],
  },
  "sets with an expiry": { script: COUNTER, keys: ["n"], args: ["7", "", "60000", "1"] },
};

/** All keys of the server with their values, and roughly their expiry. */
export async function contentsOf(redis: RedisAdapter): Promise<string> {
  const keys = (await redis.send("KEYS", "*") as string[]).sort();
  const parts = keys.map(async (key) => {
    const type = await redis.send("TYPE", key);
    const contents = type === "string"
      ? await redis.send("GET", key)
      : type === "hash"
      ? await redis.send("HGETALL", key)
      : await redis.send("ZRANGE", key, "0", "-1", "WITHSCORES");
    const left = Number(await redis.send("PTTL", key));
    return [key, contents, left < 0 ? left : Math.ceil(left / 30_000)];
  });
  return JSON.stringify(await Promise.all(parts));
}

/** The same text without the numbers that grow with time. */
export function timeless(text: string | Reply): string {
  return JSON.stringify(text).replace(/\d{10,}(\.\d+)?/g, "T");
}

/** Prepares the keys for a script. */
export async function prepare(redis: RedisAdapter, { there = [] }: ScriptBranch): Promise<void> {
  await redis.send("FLUSHALL");
  for (const [command, ...args] of there) await redis.send(command, ...args);
}
