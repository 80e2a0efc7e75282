import { adapterOf } from "../redis/client/adapter_of.ts";
import type { RedisAdapter } from "../redis/client/adapter.ts";
import { explain } from "../redis/client/errors.ts";
import { partOf } from "../redis/client/names.ts";
import { keyOf } from "./redis_cells.ts";
import { RedisServer } from "../host/redis_server.ts";

/** How long the server keeps the numbers of a killed run, in milliseconds. */
const LIFE_MS = 3_600_000;

/** The numbers of a run on a server: the user's, or a private server that ends with the run. */
export class RunRedis implements AsyncDisposable {
  readonly url: string;
  /** The beginning of the run's keys. */
  readonly key: string = `interlock:count:${crypto.randomUUID()}`;
  readonly #adapter: RedisAdapter;
  readonly #server: RedisServer | undefined;
  readonly #cells: readonly string[];

  private constructor(url: string, server: RedisServer | undefined, cells: readonly number[]) {
    this.url = url;
    this.#server = server;
    this.#adapter = adapterOf(url);
    this.#cells = cells.map((cell) => keyOf(this.key, cell));
  }

  /**
   * Stores zeros on the server.
   *
   * @param url The server's address; if it is missing, a private server is started.
   * @throws {Error} If the server cannot be reached, or no private server can be started.
   */
  static async open(url: string | undefined, cells: readonly number[]): Promise<RunRedis> {
    const server = url === undefined ? await RedisServer.start() : undefined;
    try {
      const run = new RunRedis(url ?? server!.url, server, cells);
      try {
        for (const key of run.#cells) await run.#adapter.send("SET", key, "0", "PX", `${LIFE_MS}`);
      } catch (error) {
        await run.#adapter.close();
        throw explain(`count on Redis at ${new URL(run.url).host}`, error);
      }
      return run;
    } catch (error) {
      await server?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Removes the numbers; ends a private server. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#server !== undefined) return;
      // After a lock's release, its token is the only key that remains.
      for (const cell of this.#cells) {
        for (const key of [cell, partOf(cell, "token")]) await this.#adapter.send("DEL", key);
      }
    } finally {
      try {
        await this.#adapter.close();
      } finally {
        await this.#server?.[Symbol.asyncDispose]();
      }
    }
  }
}
