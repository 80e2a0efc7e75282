import { type Mutant, mutant } from "./mutants.ts";

const SCRIPTS = "src/redis/server_lock/lock_scripts.ts";
const MINTING = "src/redis/server_lock/minting_scripts.ts";
const QUEUE = "src/redis/lease/waiter_scripts.ts";
const QUORUM = "src/redis/quorum/quorum_lock.ts";
const GUARD = "src/redis/quorum/restart_guard.ts";
const IDENTITIES = "src/redis/quorum/server_identities.ts";
const REPLICAS = "src/redis/lock/replicas.ts";

/** The mutants of the locks on servers. */
export const REDIS_MUTANTS: readonly Mutant[] = [
  mutant(
    "a token is not greater than the one before",
    MINTING,
    "token = math.max(token + 1, us)",
    "token = us",
    ["redis/quorum/quorum_lock", "redis/lock/redis_lock"],
  ),
  mutant(
    "the release of a hold that was lost releases another one",
    SCRIPTS,
    "if held == value then\n  ${checkRights",
    "if held then\n  ${checkRights",
    ["redis/lock/redis_lock", "redis/behaviour/lock_faults"],
  ),
  mutant(
    "a lost hold is renewed",
    SCRIPTS,
    "  if redis.call('GET', KEYS[1]) ~= value then return 0 end\n  return redis.call('PEXPIRE'",
    "  return redis.call('PEXPIRE'",
    ["redis/behaviour/lock_faults", "redis/lock/redis_lock"],
  ),
  mutant(
    "a dead waiter is not dropped",
    QUEUE,
    "if seen >= now",
    "if seen >= 0",
    ["redis/behaviour/hand_off"],
  ),
  mutant(
    "a dead waiter is granted the lock",
    "src/redis/server_lock/queue_scripts.ts",
    " or not hears(waiter)",
    " or not countable",
    ["redis/behaviour/hand_off"],
  ),
  mutant(
    "a close tells the guards nothing",
    "src/redis/lease/hold.ts",
    "if (why !== undefined) this.lease.failed(why);",
    "",
    ["redis/behaviour/close"],
  ),
  mutant(
    "the quorum is off by one",
    QUORUM,
    "Math.floor(servers.length / 2) + 1",
    "Math.floor(servers.length / 2)",
    ["redis/quorum/quorum_lock"],
  ),
  mutant(
    "the greatest token is not told",
    QUORUM,
    "token !== undefined && (attempt.token ?? 0) < token;",
    "false;",
    ["redis/quorum/quorum_lock"],
  ),
  mutant(
    "the release of a late server is not repeated",
    QUORUM,
    "if (!isTemporary(error)) return;",
    "return;",
    ["redis/behaviour/quorum_faults"],
  ),
  mutant(
    "a server that was restarted has a vote",
    GUARD,
    "reply.answer.stands && reply.answer.up >= least",
    "reply.answer.stands",
    ["redis/quorum/quorum_lock"],
  ),
  mutant(
    "only the own lease counts after a restart",
    GUARD,
    "Math.max(this.#lease, ...told)",
    "told.length > 0 ? this.#lease : 0",
    ["redis/behaviour/quorum_faults"],
  ),
  mutant(
    "a server with two addresses votes twice",
    IDENTITIES,
    "this.#runIds.findIndex((id, i) => id && this.#runIds.indexOf(id) < i)",
    "-1",
    ["redis/behaviour/quorum_faults"],
  ),
  mutant(
    "a renewal counts without the replicas",
    REPLICAS,
    "if (have >= count) return true;",
    "return true;",
    ["redis/behaviour/replicas"],
  ),
  mutant(
    "an old copy of a refused parcel counts",
    "src/redis/counter/counter_scripts.ts",
    "  if parcel ~= '0' then remember('0', was) end\n",
    "",
    ["redis/counter/coalesced_counter"],
  ),
  mutant(
    "adds of a rejected flush wait for the next add",
    "src/redis/counter/coalesced_counter.ts",
    "      if (this.#hasAdds && !this.#closed && this.#timer === undefined) this.#startTimer();\n",
    "",
    ["redis/counter/coalesced_counter"],
  ),
];
