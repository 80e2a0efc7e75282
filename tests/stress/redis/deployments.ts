import { setTimeout as sleep } from "node:timers/promises";
import { adapterOf, type RedisAdapter } from "../../../src/redis/mod.ts";
import { freePort, RedisServer } from "../../support/redis_server.ts";
import { MASTER, Sentinel } from "../../support/sentinel.ts";
import { until } from "../../support/until.ts";

/** How an agent reaches the servers of a lock. */
export type Target =
  | { readonly kind: "servers"; readonly urls: readonly string[] }
  | { readonly kind: "sentinel" | "cluster"; readonly ports: readonly number[] };

/** Something that happens to the servers of a lock. */
export type Trouble = (random: () => number) => Promise<unknown>;

/** The servers of a lock, in one of the ways in which users run them. */
export interface Deployment extends AsyncDisposable {
  readonly target: Target;
  /** Whether the lock may be held twice after its troubles: only tokens protect the data then. */
  readonly failsOver: boolean;
  readonly troubles: Readonly<Record<string, Trouble>>;
}

const FAST = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"];
const LATE = { commandTimeout: 20_000 };

/** Sends commands to a server over a connection of its own; a server that is away does not answer. */
async function tell(url: string, ...commands: (readonly [string, ...string[]])[]): Promise<void> {
  const redis = adapterOf(url, LATE);
  try {
    for (const command of commands) await redis.send(...command).catch(() => {});
  } finally {
    await redis.close();
  }
}

/** The troubles of a running server that it survives with its data. */
function commonTroubles(pick: (random: () => number) => Promise<RedisServer> | RedisServer) {
  return {
    async "server stopped"(random: () => number) {
      const server = await pick(random);
      server.signal("SIGSTOP");
      await sleep(100 + random() * 1400);
      server.signal("SIGCONT");
    },
    async "server asleep"(random: () => number) {
      const seconds = `${0.1 + random()}`;
      await tell((await pick(random)).url, ["DEBUG", "SLEEP", seconds]);
    },
    async "scripts flushed"(random: () => number) {
      await tell((await pick(random)).url, ["SCRIPT", "FLUSH"]);
    },
    async "clients killed"(random: () => number) {
      const type = random() < 0.5 ? "normal" : "pubsub";
      await tell((await pick(random)).url, ["CLIENT", "KILL", "TYPE", type]);
    },
  };
}

async function disposeAll(all: Iterable<AsyncDisposable>): Promise<void> {
  await Promise.all(Array.from(all, (one) => one[Symbol.asyncDispose]()));
}

/** One server, which stores each write before it answers. */
export async function oneServer(): Promise<Deployment> {
  const server = await RedisServer.start({ appendOnly: true, config: FAST });
  return {
    target: { kind: "servers", urls: [server.url] },
    failsOver: false,
    troubles: {
      ...commonTroubles(() => server),
      async "server killed"() {
        await server.kill();
        await server.start();
      },
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Three servers that vote, and store nothing. */
export async function threeServers(): Promise<Deployment> {
  const servers = await Promise.all([1, 2, 3].map(() => RedisServer.start({ config: FAST })));
  const restart = async (count: number, random: () => number) => {
    const first = Math.floor(random() * 3);
    const some = Array.from({ length: count }, (_, i) => servers[(first + i) % 3]);
    await Promise.all(some.map((server) => server.kill()));
    await Promise.all(some.map((server) => server.start()));
  };
  return {
    target: { kind: "servers", urls: servers.map(({ url }) => url) },
    failsOver: false,
    troubles: {
      ...commonTroubles((random) => servers[Math.floor(random() * 3)]),
      "server killed": (random) => restart(1, random),
      "two servers killed": (random) => restart(2, random),
    },
    [Symbol.asyncDispose]: () => disposeAll(servers),
  };
}

/** Servers of which one is the master at a time. */
async function failingOver(
  target: Target,
  all: readonly (RedisServer | Sentinel)[],
  servers: readonly RedisServer[],
  masterPort: () => Promise<number>,
  failover: { readonly name: string; run(old: RedisServer): Promise<unknown> },
): Promise<Deployment> {
  const master = async () => {
    const port = await masterPort();
    return servers.find((server) => server.port === port)!;
  };
  const adapters = servers.map(({ url }) => adapterOf(url, LATE));
  const hasReplica = async () => {
    const info = await adapters[servers.indexOf(await master())].send("INFO", "replication");
    return /role:master[^]*state=online/.test(String(info));
  };
  const healthy = () => until("a replica", () => hasReplica().catch(() => false));
  await healthy();
  const isOther = ({ port }: RedisServer) => masterPort().then((now) => now !== port, () => false);
  /** What a trouble before has set off may move the master on its own meanwhile. */
  const moves = async (act: (old: RedisServer) => Promise<unknown>) => {
    await healthy();
    const old = await master();
    if (!await isOther(old)) await act(old);
    await until("another master", () => isOther(old));
    return old;
  };
  return {
    target,
    failsOver: true,
    troubles: {
      ...commonTroubles(master),
      [failover.name]: () => moves((old) => failover.run(old)),
      async "master killed"() {
        const old = await moves((old) => old.kill());
        await old.start();
      },
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(adapters.map((adapter) => adapter.close()));
      await disposeAll(all);
    },
  };
}

/** A master, its replica, and three sentinels that watch them. */
export async function withSentinels(): Promise<Deployment> {
  const master = await RedisServer.start({ config: FAST });
  const replica = await RedisServer.start({ replicaOf: master.port, config: FAST });
  const sentinels = await Promise.all([1, 2, 3].map(() => Sentinel.start(master.port, 2)));
  const adapters = sentinels.map(({ url }) => adapterOf(url, LATE));
  for (const adapter of adapters) {
    await until("the sentinel", async () => {
      const [info] = await adapter.send("SENTINEL", "MASTERS").catch(() => []) as string[][];
      const field = (name: string) => info?.[info.indexOf(name) + 1];
      return field("num-other-sentinels") === "2" && field("num-slaves") === "1";
    });
  }
  const sentinel: RedisAdapter = adapters[0];
  const deployment = await failingOver(
    { kind: "sentinel", ports: sentinels.map(({ port }) => port) },
    [master, replica, ...sentinels],
    [master, replica],
    async () => {
      const address = await sentinel.send("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER);
      return Number((address as string[])[1]);
    },
    {
      name: "SENTINEL FAILOVER",
      run: () =>
        until("the failover", async () => {
          return await sentinel.send("SENTINEL", "FAILOVER", MASTER).then(() => true, () => false);
        }),
    },
  );
  return {
    ...deployment,
    async [Symbol.asyncDispose]() {
      await Promise.all(adapters.map((adapter) => adapter.close()));
      await deployment[Symbol.asyncDispose]();
    },
  };
}

/** A node abandons a failover that takes longer than 5 s, without a word. */
const ABANDONED_MS = 6000;
const SLOTS = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];

/** A cluster of three masters, of which the one with the slot of the key has a replica. */
export async function cluster(key: string): Promise<Deployment> {
  const nodes = await Promise.all([0, 1, 2, 3].map(async () =>
    RedisServer.start({
      config: [
        ...FAST,
        ...["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"],
        ...["--cluster-node-timeout", "1500", "--cluster-port", `${await freePort()}`],
        ...["--cluster-require-full-coverage", "no"],
      ],
    })
  ));
  const adapters = nodes.map(({ url }) => adapterOf(url, LATE));
  const busOf = async (i: number) => {
    return String((await adapters[i].send("CONFIG", "GET", "cluster-port") as string[])[1]);
  };
  for (const [i, range] of SLOTS.entries()) {
    await adapters[i].send("CLUSTER", "ADDSLOTSRANGE", ...range);
  }
  for (let i = 1; i < 4; i++) {
    await adapters[0].send("CLUSTER", "MEET", "127.0.0.1", `${nodes[i].port}`, await busOf(i));
  }
  const slot = Number(await adapters[0].send("CLUSTER", "KEYSLOT", key));
  const owner = SLOTS.findIndex(([, last]) => slot <= Number(last));
  const ownerId = String(await adapters[owner].send("CLUSTER", "MYID"));
  await until(
    "the replica's order",
    () => adapters[3].send("CLUSTER", "REPLICATE", ownerId).then(() => true, () => false),
  );
  const pair = [owner, 3];
  for (const adapter of adapters) {
    await until("the cluster", async () => {
      const info = String(await adapter.send("CLUSTER", "INFO"));
      return /cluster_state:ok/.test(info) && /cluster_known_nodes:4/.test(info);
    });
  }
  const roleOf = async (i: number) => {
    const [role] = await adapters[i].send("ROLE").catch(() => ["away"]) as string[];
    return role;
  };
  const other = adapters[(owner + 1) % 3];
  const deployment = await failingOver(
    { kind: "cluster", ports: nodes.map(({ port }) => port) },
    nodes,
    pair.map((i) => nodes[i]),
    async () => {
      const ranges = await other.send("CLUSTER", "SLOTS") as unknown as [
        number,
        number,
        [string, number],
      ][];
      return ranges.find(([first, last]) => first <= slot && slot <= last)![2][1];
    },
    {
      name: "CLUSTER FAILOVER",
      async run(old) {
        const replica = nodes[pair[0]] === old ? pair[1] : pair[0];
        let asked = -Infinity;
        await until("the failover", async () => {
          if (performance.now() - asked > ABANDONED_MS) {
            const isOrdered = adapters[replica].send("CLUSTER", "FAILOVER");
            if (await isOrdered.then(() => true, () => false)) asked = performance.now();
          }
          return await roleOf(replica) === "master";
        });
      },
    },
  );
  return {
    ...deployment,
    async [Symbol.asyncDispose]() {
      await Promise.all(adapters.map((adapter) => adapter.close()));
      await deployment[Symbol.asyncDispose]();
    },
  };
}
