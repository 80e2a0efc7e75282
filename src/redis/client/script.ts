import { UnsupportedError } from "../../contract/errors.ts";
import { nameOf } from "../../contract/options.ts";
import { printable } from "../../contract/printable.ts";
import type { RedisAdapter, Reply } from "./adapter.ts";
import { codeOf, isDenied } from "./errors.ts";

/** The advice if a user may not run scripts. */
export const ALLOW_SCRIPTS = "Allow EVAL and EVALSHA to the user (ACL SETUSER name +eval +evalsha)";

/** Does the work of a script by plain commands, for servers that run no scripts. */
export type WithoutScripts = (
  adapter: RedisAdapter,
  keys: readonly string[],
  args: readonly string[],
) => Promise<Reply>;

/**
 * A Lua script that the server runs in one step. All keys that one call touches must be passed as
 * keys, and be in one slot of a cluster; names of channels are arguments.
 */
export class Script {
  /** The Lua. */
  readonly source: string;
  readonly #withoutScripts: WithoutScripts | undefined;
  #sha1: string | undefined;
  #digesting: Promise<void> | undefined;

  /**
   * A script.
   *
   * @param withoutScripts Called instead, if the server or the rights of its user allow no scripts.
   * @throws {TypeError} If the source is not a string, or `withoutScripts` not a function.
   */
  constructor(source: string, withoutScripts?: WithoutScripts) {
    if (typeof source !== "string") {
      throw new TypeError(
        `Cannot create a script: its source must be a string, not ${nameOf(source)}`,
      );
    }
    if (withoutScripts !== undefined && typeof withoutScripts !== "function") {
      throw new TypeError(
        `Cannot create a script: withoutScripts must be a function, not ${nameOf(withoutScripts)}`,
      );
    }
    this.source = source;
    this.#withoutScripts = withoutScripts;
  }

  /**
   * Runs the script: by its digest, or by its source if the server does not know the digest. The
   * first calls use the source, since the digest is computed meanwhile. The command is sent before
   * this returns, so that commands sent later do not overtake it. If the user may use only one of
   * EVAL and EVALSHA, that one is used.
   *
   * @throws {TypeError} If the adapter, a key or an argument is of a wrong type.
   * @throws {UnsupportedError} If scripts are not allowed, and there is no other way.
   * @throws What {@linkcode RedisAdapter.send} throws.
   */
  async run(
    adapter: RedisAdapter,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<Reply> {
    checkCall(adapter, keys, args);
    const rest = [`${keys.length}`, ...keys, ...args];
    const asked = this.#sha1;
    if (asked === undefined) {
      this.#digesting ??= this.#digest();
    } else {
      try {
        return await adapter.send("EVALSHA", asked, ...rest);
      } catch (error) {
        if (codeOf(error) !== "NOSCRIPT" && !isWithoutScripts(error)) throw this.#named(error);
      }
    }
    let refusal: unknown;
    try {
      return await adapter.send("EVAL", this.source, ...rest);
    } catch (error) {
      if (!isWithoutScripts(error)) throw this.#named(error);
      refusal = error;
    }
    if (asked === undefined) {
      // The user may have the right to run scripts that the server knows.
      await this.#digesting;
      try {
        return await adapter.send("EVALSHA", this.#sha1!, ...rest);
      } catch (error) {
        if (codeOf(error) !== "NOSCRIPT" && !isWithoutScripts(error)) throw this.#named(error);
      }
    }
    if (this.#withoutScripts !== undefined) return await this.#withoutScripts(adapter, keys, args);
    throw new UnsupportedError(
      `Cannot run a script: the server runs none for this user ` +
        `("${printable((refusal as Error).message)}"). ${ALLOW_SCRIPTS}`,
      { cause: refusal },
    );
  }

  async #digest(): Promise<void> {
    const bytes = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(this.source));
    const hex = Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0"));
    this.#sha1 = hex.join("");
  }

  /**
   * Names the command that was refused. Redis 7.0 tells only the line of the script, with the code
   * `ERR`.
   */
  #named(error: unknown): unknown {
    if (!isDenied(error)) return error;
    const line = Number(/@user_script:\s*(\d+)/.exec(error.message)?.[1]);
    const calls = this.source.split("\n")[line - 1]?.matchAll(/call(?:\(|,\s*)'([A-Z]+)'/g) ?? [];
    const names = Array.from(calls, ([, name]) => `'${name.toLowerCase()}'`);
    if (names.length === 0) return error;
    const what = `${names.join(" or ")} command`;
    return new Error(`NOPERM This user has no permissions to run the ${what} in a script`, {
      cause: error,
    });
  }
}

/** Whether the error says that EVAL itself is unknown or not allowed. */
function isWithoutScripts(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== "NOPERM" && code !== "ERR") return false;
  const { message } = error as Error;
  return /\beval(sha)?\b/i.test(message) && /permission|unknown command|disabled/i.test(message);
}

/**
 * Deletes a key if its value is `value`, by a command of new servers: `DELIFEQ` (Valkey 9) or
 * `DELEX ... IFEQ` (Redis 8.4). Not tested: no such server was available.
 *
 * @returns 1 if it was deleted, else 0.
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
    "Cannot use the lock: the server runs no scripts for this user, and has no command that " +
      `compares and deletes (DELIFEQ of Valkey 9, DELEX of Redis 8.4). ${ALLOW_SCRIPTS}`,
  );
}

function checkCall(adapter: RedisAdapter, keys: readonly string[], args: readonly string[]): void {
  if (typeof (adapter as RedisAdapter | undefined)?.send !== "function") {
    throw new TypeError(`Cannot run a script: it needs a RedisAdapter, not ${nameOf(adapter)}`);
  }
  for (const [what, list] of [["keys", keys], ["args", args]] as const) {
    if (Array.isArray(list) && list.every((text) => typeof text === "string")) continue;
    throw new TypeError(`Cannot run a script: its ${what} must be an array of strings`);
  }
}
