import { adapterOf, type RedisAdapter } from "../../src/redis/mod.ts";
import { RedisServer } from "../support/redis_server.ts";
import { MASTER, Sentinel } from "../support/sentinel.ts";
import { until } from "../support/until.ts";

/** Only the test makes the sentinel fail over, however busy the machine is. */
const DOWN_AFTER_MS = 600_000;
/** After how long the sentinel abandons a failover, of which it says nothing. */
const ABANDONED_MS = 60_000;

/** A master, its replica, and a sentinel that watches them. */
export class ReplicatedMaster implements AsyncDisposable {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinel: Sentinel;

  private constructor(master: RedisServer, replica: RedisServer, sentinel: Sentinel) {
    this.master = master;
    this.replica = replica;
    this.sentinel = sentinel;
  }

  /** Starts them; resolves when the replica is connected. */
  static async start(): Promise<ReplicatedMaster> {
    const master = await RedisServer.start({ config: ["--repl-diskless-sync-delay", "0"] });
    const replica = await RedisServer.start({ replicaOf: master.port });
    const sentinel = await Sentinel.start(master.port, 1, DOWN_AFTER_MS);
    const started = new ReplicatedMaster(master, replica, sentinel);
    await using adapter = disposable(adapterOf(replica.url));
    await until("the replica", async () => {
      return /link_status:up/.test(String(await adapter.send("INFO").catch(() => "")));
    });
    return started;
  }

  /** Makes the replica the master, and the master its replica; resolves when both know. */
  async failOver(): Promise<void> {
    await using sentinel = disposable(adapterOf(this.sentinel.url));
    await using old = disposable(adapterOf(this.master.url));
    const ask = (...command: [string, ...string[]]) =>
      sentinel.send(...command).then(String, () => undefined);
    const patient = ["SET", MASTER, "failover-timeout", `${ABANDONED_MS}`];
    await until("the sentinel", async () => await ask("SENTINEL", ...patient) === "OK");
    // It may not know the replica yet.
    await until("the failover", async () => await ask("SENTINEL", "FAILOVER", MASTER) === "OK");
    const port = `${this.replica.port}`;
    await until("another master", async () => {
      return (await ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER))?.endsWith(port);
    });
    await until("the old master", () => {
      return old.send("ROLE").then((role) => String(role).startsWith("slave"), () => false);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [this.sentinel, this.master, this.replica];
    await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
  }
}

function disposable(adapter: RedisAdapter): RedisAdapter & AsyncDisposable {
  return Object.assign(adapter, { [Symbol.asyncDispose]: () => adapter.close() });
}
