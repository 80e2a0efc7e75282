import { UnsupportedError } from "../../contract/errors.ts";
import type { RedisAdapter, Reply } from "../client/adapter.ts";
import { deleteIfEqual, type WithoutScripts } from "../client/script.ts";
import { GRACE_MS } from "../lease/server_times.ts";

/**
 * The lock by plain commands, for servers that run no scripts for the user but can compare and
 * delete (Valkey 9, Redis 8.4). Not tested: no such server was available. No waiter is woken: each
 * asks every {@linkcode GRACE_MS}, or when the lease ends. There is no sharing, no order, and no
 * `recovered`. Tokens continue those of the scripts, and grow by one.
 *
 * @module
 */

/** Acquires a free lock, exclusively. */
export const takeWithoutScripts: WithoutScripts = async (adapter, [lock, token], args) => {
  const [value, lease, tokens] = args;
  // The value is nowhere yet. This fails if a hold could not be released later.
  await deleteIfEqual(adapter, lock, value);
  if (await adapter.send("SET", lock, value, "NX", "PX", lease) === null) {
    const held = await adapter.send("GET", lock);
    const left = await adapter.send("PTTL", lock);
    return [0, Math.min(Math.max(Number(left), 0), GRACE_MS), "", held];
  }
  const last = Number(await adapter.send("HINCRBY", token, "token", tokens));
  const [seconds, micros] = await adapter.send("TIME") as Reply[];
  const now = Number(seconds) * 1e6 + Number(micros);
  if (last >= now) return [1, last - Number(tokens) + 1, null];
  const ahead = `${now - last}`;
  return [
    1,
    Number(await adapter.send("HINCRBY", token, "token", ahead)) - Number(tokens) + 1,
    null,
  ];
};

/** Acquires a free lock for a waiter, which is not queued. */
export const acquireWithoutScripts: WithoutScripts = (adapter, keys, args) => {
  const [, , , mode, fair] = args;
  if (mode === "w" && fair === "0") return takeWithoutScripts(adapter, keys, args);
  throw needsScripts("acquire a lock that is shared, fair or handed on locally");
};

/** Makes a lease begin anew. */
export const renewWithoutScripts: WithoutScripts = async (adapter, [lock], [value, lease]) =>
  await adapter.send("SET", lock, value, "IFEQ", value, "PX", lease) === null ? 0 : 1;

/** Releases a lock. */
export const releaseWithoutScripts: WithoutScripts = (
  adapter: RedisAdapter,
  [lock],
  [value],
) => deleteIfEqual(adapter, lock, value);

/** Refuses: plain commands cannot share a lock. */
export const downgradeWithoutScripts: WithoutScripts = () => {
  throw needsScripts("downgrade a lock");
};

function needsScripts(what: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot ${what}: the server runs no scripts for this user, and sharing and order need them. ` +
      "Allow EVAL and EVALSHA to the user (ACL SETUSER name +eval +evalsha)",
  );
}
