import { adapterOf, type RedisAdapter } from "../../src/redis/mod.ts";
import { freePort, RedisServer } from "../support/redis_server.ts";
import { until } from "../support/until.ts";

const SLOTS = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];
/** A node abandons a failover that takes longer than 5 s, without a word. */
const ABANDONED_MS = 6000;
const LATE = { commandTimeout: 20_000 };

/** A cluster of three masters, of which the one with the slot of a key has a replica. */
export class RedisCluster implements AsyncDisposable {
  /** The three masters, and the replica. */
  readonly nodes: readonly RedisServer[];
  readonly adapters: readonly RedisAdapter[];
  readonly #slot: number;
  /** Which of the nodes have the slot of the key. */
  readonly pair: readonly [number, number];

  private constructor(
    nodes: readonly RedisServer[],
    adapters: readonly RedisAdapter[],
    slot: number,
  ) {
    this.nodes = nodes;
    this.adapters = adapters;
    this.#slot = slot;
    this.pair = [SLOTS.findIndex(([, last]) => slot <= Number(last)), 3];
  }

  /** Starts it; resolves when it serves all slots, and the replica is online. */
  static async start(key: string, config: readonly string[] = []): Promise<RedisCluster> {
    const nodes = await Promise.all([0, 1, 2, 3].map(async () =>
      RedisServer.start({
        config: [
          ...config,
          ...["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"],
          ...["--cluster-port", `${await freePort()}`],
          ...["--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"],
        ],
      })
    ));
    const adapters = nodes.map(({ url }) => adapterOf(url, LATE));
    const slot = Number(await adapters[0].send("CLUSTER", "KEYSLOT", key));
    const cluster = new RedisCluster(nodes, adapters, slot);
    await cluster.#form();
    return cluster;
  }

  /** The port of the master that has the slot of the key, as a third node knows it. */
  async masterPort(): Promise<number> {
    type Range = [first: number, last: number, master: [host: string, port: number]];
    const other = this.adapters[(this.pair[0] + 1) % 3];
    const ranges = await other.send("CLUSTER", "SLOTS") as unknown as Range[];
    return ranges.find(([first, last]) => first <= this.#slot && this.#slot <= last)![2][1];
  }

  /** Has the other node of the pair become the master, while both live. */
  async failOver(old: RedisServer): Promise<void> {
    const { nodes, adapters, pair: [first, second] } = this;
    const replica = adapters[nodes[first] === old ? second : first];
    let asked = -Infinity;
    await until("the failover", async () => {
      if (performance.now() - asked > ABANDONED_MS) {
        const isOrdered = replica.send("CLUSTER", "FAILOVER");
        if (await isOrdered.then(() => true, () => false)) asked = performance.now();
      }
      const [role] = await replica.send("ROLE").catch(() => ["away"]) as string[];
      return role === "master";
    });
  }

  async #form(): Promise<void> {
    const { nodes, adapters, pair: [owner, replica] } = this;
    for (const [i, range] of SLOTS.entries()) {
      await adapters[i].send("CLUSTER", "ADDSLOTSRANGE", ...range);
    }
    for (let i = 1; i < nodes.length; i++) {
      const [, bus] = await adapters[i].send("CONFIG", "GET", "cluster-port") as string[];
      await adapters[0].send("CLUSTER", "MEET", "127.0.0.1", `${nodes[i].port}`, bus);
    }
    const id = String(await adapters[owner].send("CLUSTER", "MYID"));
    await until("the replica's order", () => {
      return adapters[replica].send("CLUSTER", "REPLICATE", id).then(() => true, () => false);
    });
    for (const adapter of adapters) {
      await until("the cluster", async () => {
        const info = String(await adapter.send("CLUSTER", "INFO"));
        return /cluster_state:ok/.test(info) && /cluster_known_nodes:4/.test(info);
      });
    }
    await until("the replica", async () => {
      return /state=online/.test(String(await adapters[owner].send("INFO", "replication")));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.adapters.map((adapter) => adapter.close()));
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}
