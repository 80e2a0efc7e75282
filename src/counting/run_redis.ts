import { adapterOf } from "../redis/client/adapter_of.ts";
import type { RedisAdapter } from "../redis/client/adapter.ts";
import { explain } from "../redis/client/errors.ts";
import { partOf } from "../redis/client/names.ts";
import { keyOf } from "./redis_cells.ts";

/** How long the server keeps the numbers of a killed run, in milliseconds. */
const LIFE_MS = 3_600_000;

/** The numbers of a run on a server. */
export class RunRedis implements AsyncDisposable {
  readonly url: string;
  /** The beginning of the run's keys. */
  readonly key: string = `interlock:count:${crypto.randomUUID()}`;
  readonly #adapter: RedisAdapter;
  readonly #cells: readonly string[];

  private constructor(url: string, cells: readonly number[]) {
    this.url = url;
    this.#adapter = adapterOf(url);
    this.#cells = cells.map((cell) => keyOf(this.key, cell));
  }

  /**
   * Stores zeros on the server.
   *
   * @param url The server's address.
   * @throws {Error} If the server cannot be reached.
   */
  static async open(url: string, cells: readonly number[]): Promise<RunRedis> {
    const run = new RunRedis(url, cells);
    try {
      for (const key of run.#cells) await run.#adapter.send("SET", key, "0", "PX", `${LIFE_MS}`);
    } catch (error) {
      await run.#adapter.close();
      throw explain(`count on Redis at ${new URL(run.url).host}`, error);
    }
    return run;
  }

  /** Removes the numbers. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      // After a lock's release, its token is the only key that remains.
      for (const cell of this.#cells) {
        for (const key of [cell, partOf(cell, "token")]) await this.#adapter.send("DEL", key);
      }
    } finally {
      await this.#adapter.close();
    }
  }
}
