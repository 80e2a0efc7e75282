import { setTimeout as sleep } from "node:timers/promises";
import { adapterOf, type RedisAdapter } from "../../../src/redis/mod.ts";
import { RedisServer } from "../../support/redis_server.ts";
import { MASTER, Sentinel } from "../../support/sentinel.ts";
import { until } from "../../support/until.ts";
import { RedisCluster } from "../../redis/redis_cluster.ts";

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
  all: readonly AsyncDisposable[],
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

/** A cluster of three masters, of which the one with the slot of the key has a replica. */
export async function cluster(key: string): Promise<Deployment> {
  const started = await RedisCluster.start(key, [...FAST, "--cluster-node-timeout", "1500"]);
  const { nodes, pair } = started;
  return await failingOver(
    { kind: "cluster", ports: nodes.map(({ port }) => port) },
    [started],
    pair.map((i) => nodes[i]),
    () => started.masterPort(),
    { name: "CLUSTER FAILOVER", run: (old) => started.failOver(old) },
  );
}
