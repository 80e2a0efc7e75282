import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adapterOf, type RedisAdapter } from "../../src/redis/mod.ts";
import { findRedisServer } from "../../src/host/redis_server.ts";
import { freePort, RedisServer } from "../support/redis_server.ts";
import { until } from "../support/until.ts";

/** A master, its replica, and a redis-sentinel that watches them by the name `main`. */
export class Sentinel implements AsyncDisposable {
  readonly servers: readonly RedisServer[];
  readonly port: number;
  readonly #end: () => Promise<void>;

  private constructor(servers: readonly RedisServer[], port: number, end: () => Promise<void>) {
    this.servers = servers;
    this.port = port;
    this.#end = end;
  }

  /** Starts them. */
  static async start(): Promise<Sentinel> {
    const master = await RedisServer.start({ config: ["--repl-diskless-sync-delay", "0"] });
    const replica = await RedisServer.start({ replicaOf: master.port });
    const adapter = adapterOf(replica.url);
    await until("the replica", async () => /link_status:up/.test(`${await adapter.send("INFO")}`));
    await adapter.close();
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "interlock-sentinel-"));
    const config = join(folder, "sentinel.conf");
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${folder}`,
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      "sentinel down-after-milliseconds main 60000", // Only the test makes it fail over.
    ];
    writeFileSync(config, lines.join("\n"));
    // It ends with this process: its standard input closes then.
    const keeper = `${findRedisServer()} "$0" --sentinel >/dev/null & cat; kill -9 $!`;
    const child = spawn("/bin/sh", ["-c", keeper, config], { stdio: ["pipe", "ignore", "ignore"] });
    const ended = new Promise((resolve) => child.on("close", resolve));
    return new Sentinel([master, replica], port, async () => {
      child.stdin.end();
      await ended;
      await Promise.all([master, replica].map((server) => server[Symbol.asyncDispose]()));
      rmSync(folder, { recursive: true });
    });
  }

  /** Makes the replica the master, and the master its replica; resolves when both know. */
  async failOver(): Promise<void> {
    const adapter = adapterOf(`redis://127.0.0.1:${this.port}`);
    const old = adapterOf(this.servers[0].url);
    try {
      const master = async () =>
        String(await adapter.send("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"));
      const ask = (): Promise<unknown> =>
        adapter.send("SENTINEL", "FAILOVER", "main").catch(() => false); // It may know no replica yet.
      const before = await until("the sentinel", () => master().catch(() => undefined));
      await until("the failover", async () => await ask() === "OK");
      await until("another master", async () => await master() !== before);
      await until(
        "the old master",
        () => old.send("ROLE").then((role) => String(role).startsWith("slave"), () => false),
      );
    } finally {
      await adapter.close();
      await old.close();
    }
  }

  /** A connection to the server that was the replica at the beginning. */
  connectToReplica(): RedisAdapter {
    return adapterOf(this.servers[1].url);
  }

  /** Ends all of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}
