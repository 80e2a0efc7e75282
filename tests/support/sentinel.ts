import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRedisServer, freePort } from "../../src/host/redis_server.ts";

/** Ends the sentinel when the standard input closes, even if this process is killed. */
const KEEPER = `exec 3<&0
"$@" <&- 3<&- >/dev/null 2>&1 & server=$!
{ cat <&3; kill -9 $server; } >/dev/null 2>&1 & watch=$!
wait $server
kill $watch 2>/dev/null`;

/** The name by which sentinels know the master. */
export const MASTER = "ours";

/** A Redis Sentinel on 127.0.0.1 that watches a master, and ends with this process. */
export class Sentinel implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #keeper: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(port: number, master: number, quorum: number, downAfter: number) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "interlock-sentinel-"));
    const config = join(this.#folder, "sentinel.conf");
    writeFileSync(
      config,
      [
        `port ${port}`,
        "bind 127.0.0.1",
        `dir ${this.#folder}`,
        `sentinel monitor ${MASTER} 127.0.0.1 ${master} ${quorum}`,
        `sentinel down-after-milliseconds ${MASTER} ${downAfter}`,
        `sentinel failover-timeout ${MASTER} 2000`,
        "",
      ].join("\n"),
    );
    const args = ["-c", KEEPER, "sh", findRedisServer()!, config, "--sentinel"];
    this.#keeper = spawn("/bin/sh", args, { stdio: ["pipe", "ignore", "ignore"], detached: true });
    this.#keeper.stdin!.on("error", () => {});
    this.#ended = new Promise((resolve) => this.#keeper.on("close", resolve));
  }

  /**
   * Starts a sentinel of the master at a port; it may not answer yet.
   *
   * @param downAfter After how many ms without an answer the master counts as down.
   */
  static async start(master: number, quorum: number, downAfter = 1000): Promise<Sentinel> {
    return new Sentinel(await freePort(), master, quorum, downAfter);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keeper.stdin!.end();
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
