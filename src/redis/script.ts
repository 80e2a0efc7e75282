import { UnsupportedError } from "../contract/errors.ts";
import type { RedisAdapter, Reply } from "./adapter.ts";
import { codeOf } from "./errors.ts";

/** What an operation does by plain commands, where the server runs no scripts. */
export type WithoutScripts = (
  adapter: RedisAdapter,
  keys: readonly string[],
  args: readonly string[],
) => Promise<Reply>;

/**
 * A Lua script that the server runs in one step. All keys that one call touches must be passed as
 * such, and be in one slot of a cluster; names of channels are arguments.
 */
export class Script {
  /** The Lua. */
  readonly source: string;
  readonly #withoutScripts: WithoutScripts | undefined;
  #sha1: string | undefined;

  /**
   * A script.
   *
   * @param withoutScripts What to do where the server, or the rights of its user, allow no scripts.
   */
  constructor(source: string, withoutScripts?: WithoutScripts) {
    this.source = source;
    this.#withoutScripts = withoutScripts;
  }

  /**
   * Runs it: by its digest, and by its source where the server does not know it (yet, or any more).
   *
   * @throws {UnsupportedError} If there may be no scripts, and there is no other way.
   * @throws What {@linkcode RedisAdapter.send} throws.
   */
  async run(
    adapter: RedisAdapter,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<Reply> {
    const rest = [`${keys.length}`, ...keys, ...args];
    try {
      const sha1 = this.#sha1 ??= await digest(this.source);
      return await adapter.send("EVALSHA", sha1, ...rest);
    } catch (error) {
      if (codeOf(error) !== "NOSCRIPT") return await this.#other(error, adapter, keys, args);
    }
    try {
      return await adapter.send("EVAL", this.source, ...rest);
    } catch (error) {
      return await this.#other(error, adapter, keys, args);
    }
  }

  async #other(
    error: unknown,
    adapter: RedisAdapter,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<Reply> {
    if (!isWithoutScripts(error)) throw error;
    if (this.#withoutScripts !== undefined) return await this.#withoutScripts(adapter, keys, args);
    throw new UnsupportedError(
      `The server runs no scripts for this user ("${(error as Error).message}"): allow EVAL and ` +
        "EVALSHA to it (ACL SETUSER name +eval +evalsha)",
      { cause: error },
    );
  }
}

/** Whether an error says that EVAL itself is not there or not allowed. */
function isWithoutScripts(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== "NOPERM" && code !== "ERR") return false;
  const { message } = error as Error;
  return /\beval(sha)?\b/i.test(message) && /permission|unknown command|disabled/i.test(message);
}

/**
 * Deletes a key if its value is `value`, by a command of servers that are newer than scripts are
 * old: `DELIFEQ` (Valkey 9) or `DELEX ... IFEQ` (Redis 8.4). Not tested: no such server was at hand.
 *
 * @returns 1 where it was deleted, else 0.
 * @throws {UnsupportedError} If the server has neither.
 */
export async function deleteIfEqual(
  adapter: RedisAdapter,
  key: string,
  value: string,
): Promise<Reply> {
  for (const command of [["DELIFEQ", key, value], ["DELEX", key, "IFEQ", value]]) {
    try {
      return await adapter.send(command[0], ...command.slice(1));
    } catch (error) {
      const code = codeOf(error);
      if (code !== "NOPERM" && !(code === "ERR" && /unknown command/i.test(String(error)))) {
        throw error;
      }
    }
  }
  throw new UnsupportedError(
    "The server runs no scripts for this user and has no command that compares and deletes " +
      "(DELIFEQ of Valkey 9, DELEX of Redis 8.4): allow EVAL and EVALSHA to it",
  );
}

async function digest(source: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(source));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
