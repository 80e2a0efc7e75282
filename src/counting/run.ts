import process from "node:process";
import { type Child, Children, nextOf } from "../host/children.ts";
import type { Runtime } from "../host/runtimes.ts";
import { Memory } from "../memory/memory.ts";
import type { CountConfig, Run } from "./config.ts";
import { Gate } from "./gate.ts";
import type { ChildMessage, HostSpec } from "./host.ts";
import { regions } from "./layout.ts";
import { type CountResult, summarize } from "./result.ts";
import { REDIS_VARIABLE } from "./redis_cells.ts";
import { RunFolder } from "./run_folder.ts";
import type { RunRedis } from "./run_redis.ts";
import { needsFile, needsRedis } from "./strategies/names.ts";
import type { WorkerReport, WorkerSpec } from "./worker.ts";

const PROGRAM = new URL(
  `../../workers/counting_process${import.meta.url.slice(-3)}`, // .ts here, .js in the npm package
  import.meta.url,
);

/**
 * Runs one experiment in processes of its own, all of which have ended when this settles.
 *
 * @param config `redis` is needed by the strategies on a server.
 * @param signal Kills the processes and rejects with its reason.
 * @param onStep Called twice per worker: when it is ready and when it is done.
 * @throws {ChildError} If a worker died or failed.
 */
export async function runStrategy(
  run: Run,
  config: CountConfig,
  signal: AbortSignal,
  onStep?: () => void,
): Promise<CountResult> {
  signal.throwIfAborted();
  const began = performance.now();
  const { real, scratch, byteLength } = regions(run.workers);
  const threads = config.unit === "worker";
  // Removed when the processes have ended. Elsewhere than on Linux, no run has files.
  using folder = process.platform === "linux"
    ? new RunFolder(needsFile(run.strategy), config.directory)
    : undefined;
  using memory = threads && run.runtimes.length === 1
    ? undefined
    : Memory.map(folder!.memory, byteLength);
  await using redis = needsRedis(run.strategy) && config.redis !== undefined
    ? await (await import("./run_redis.ts")).RunRedis.open(config.redis, [real, scratch])
    : undefined;
  const shared = { threads, folder, memory, redis };
  const reports = await count(run, config, shared, signal, onStep);
  return summarize(run, config, reports, performance.now() - began);
}

/** What the processes of a run share. */
interface Shared {
  /** Whether the workers are threads; the default is a process for each. */
  readonly threads: boolean;
  readonly folder: RunFolder | undefined;
  /** The mapped memory; `undefined` if one process makes the memory for its own threads. */
  readonly memory: Memory | undefined;
  /** The numbers on the Redis server; `undefined` if the run needs none. */
  readonly redis: RunRedis | undefined;
}

/** Starts the processes, lets their workers count at once, and waits until all have ended. */
async function count(
  { strategy, runtimes, workers, granularity }: Run,
  { increments, warm }: CountConfig,
  { threads, folder, memory, redis }: Shared,
  signal: AbortSignal,
  onStep?: () => void,
): Promise<readonly WorkerReport[]> {
  const coordinator = process.pid;
  await using children = new Children(signal);
  const start = (runtime: Runtime, what: string, spec: HostSpec): Child<ChildMessage> =>
    children.start({
      runtime,
      what,
      program: PROGRAM,
      args: [JSON.stringify(spec)],
      imports: redis !== undefined,
      env: redis && { [REDIS_VARIABLE]: redis.url },
      duty: "counted",
    });

  const socket = strategy.startsWith("manager") && memory !== undefined
    ? folder?.socket
    : undefined;
  const managers = socket === undefined
    ? []
    : [start(runtimes[0], "the manager", { role: "manager", coordinator, socket })];
  await nextOf(managers);

  const specs = Array.from({ length: workers }, (_, worker): WorkerSpec => ({
    strategy,
    worker,
    workers,
    increments,
    granularity,
    warm,
    memory: memory && folder?.memory,
    file: folder?.text ?? "",
    redis: redis?.key,
    manager: socket,
  }));
  /** The process of each worker. */
  let hosts: readonly Child<ChildMessage>[];
  if (threads) {
    const processes = runtimes.map((runtime, i) => {
      const own = specs.filter(({ worker }) => worker % runtimes.length === i);
      const what = `the process of workers ${own.map(({ worker }) => worker).join(", ")}`;
      return start(runtime, what, { role: "threads", coordinator, threads: own });
    });
    hosts = specs.map(({ worker }) => processes[worker % runtimes.length]);
  } else {
    hosts = specs.map((worker, i) =>
      start(runtimes[i % runtimes.length], `worker ${i}`, { role: "worker", coordinator, worker })
    );
  }
  /** The next message of each worker, while the manager serves, which prints no other. */
  const next = async () => {
    const messages = nextOf(hosts, onStep);
    await Promise.race([messages, ...managers.map((manager) => manager.next())]);
    return await messages;
  };

  await next(); // They are ready.
  // In the memory that all share, or by the process that has the memory.
  if (memory !== undefined) new Gate(memory, workers).open();
  else hosts[0].tell("open");
  const reports: WorkerReport[] = [];
  for (const message of await next()) {
    if (message.kind === "done") reports[message.worker] = message.report;
  }
  await Promise.all(hosts.map(({ ended }) => ended));
  signal.throwIfAborted();
  return reports;
}
