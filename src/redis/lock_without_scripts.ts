import { UnsupportedError } from "../contract/errors.ts";
import type { RedisAdapter, Reply } from "./adapter.ts";
import { GRACE_MS } from "./lock_scripts.ts";
import { deleteIfEqual, type WithoutScripts } from "./script.ts";

/**
 * The lock by plain commands, for servers that run no scripts for the user but can compare and
 * delete (Valkey 9, Redis 8.4). Not tested: no such server was at hand. Here nobody is woken: who
 * waits asks every {@linkcode GRACE_MS} or when the lease ends; there is no sharing, no order, and
 * no `recovered`. Tokens grow by one from what the scripts would have made of them.
 *
 * @module
 */

/** Takes a lock that is free, alone. */
export const takeWithoutScripts: WithoutScripts = async (adapter, [lock, token], args) => {
  const [value, lease, tokens] = args;
  // The value is nowhere yet. It fails where nothing taken could be given back.
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

/** The same for who would wait in the queue, if there were one. */
export const acquireWithoutScripts: WithoutScripts = (adapter, keys, args) => {
  const [, , , mode, fair] = args;
  if (mode === "w" && fair === "0") return takeWithoutScripts(adapter, keys, args);
  throw new UnsupportedError(
    "The server runs no scripts for this user, and a lock that is shared, fair or local needs " +
      "them: allow EVAL and EVALSHA to it (ACL SETUSER name +eval +evalsha)",
  );
};

/** Makes a lease begin anew. */
export const renewWithoutScripts: WithoutScripts = async (adapter, [lock], [value, lease]) =>
  await adapter.send("SET", lock, value, "IFEQ", value, "PX", lease) === null ? 0 : 1;

/** Gives a lock back. */
export const releaseWithoutScripts: WithoutScripts = (
  adapter: RedisAdapter,
  [lock],
  [value],
) => deleteIfEqual(adapter, lock, value);
