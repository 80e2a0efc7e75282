import process from "node:process";
import type { Runtime } from "../host/runtimes.ts";
import { Memory } from "../memory/memory.ts";
import type { Child } from "../host/child.ts";
import type { CountConfig, Run } from "./config.ts";
import { Gate } from "./gate.ts";
import { regions } from "./layout.ts";
import { type CountResult, summarize } from "./result.ts";
import { RunChildren } from "./run_children.ts";
import { RunFolder } from "./run_folder.ts";
import type { RunRedis } from "./run_redis.ts";
import { RunReports } from "./run_reports.ts";
import { needsRedis } from "./strategies/names.ts";
import type { WorkerSpec } from "./worker.ts";

/**
 * Runs one experiment in processes of its own, all of which have ended when this settles.
 *
 * @param signal Kills the processes and rejects with its reason.
 * @param onStep Called twice per worker: when it is ready and when it is done.
 * @throws {ChildError} If a worker died or failed.
 */
export async function runStrategy(
  run: Run,
  config: CountConfig,
  signal: AbortSignal,
  onStep: () => void,
): Promise<CountResult> {
  signal.throwIfAborted();
  const began = performance.now();
  const { real, scratch, byteLength } = regions(config.workers);
  const threads = config.unit === "worker";
  // Removed when the processes have ended.
  using folder = new RunFolder(config.directory);
  using memory = threads && run.runtimes.length === 1
    ? undefined
    : Memory.map(folder.memory, byteLength);
  await using redis = needsRedis(run.strategy)
    ? await (await import("./run_redis.ts")).RunRedis.open(config.redis, [real, scratch])
    : undefined;
  const shared = { threads, folder, memory, redis };
  const reports = new RunReports(config.workers, onStep);
  await count(run, config, shared, reports, signal);
  return summarize(run, config, reports.reports, performance.now() - began);
}

/** What the processes of a run share. */
interface Shared {
  /** Whether the workers are threads; the default is a process for each. */
  readonly threads: boolean;
  readonly folder: RunFolder;
  /** The mapped memory; `undefined` if one process makes the memory for its own threads. */
  readonly memory: Memory | undefined;
  /** The numbers on the Redis server; `undefined` if the run needs none. */
  readonly redis: RunRedis | undefined;
}

/** Starts the processes, lets their workers count at once, and waits until all have ended. */
async function count(
  { strategy, runtimes }: Run,
  { workers, increments, granularity, warm }: CountConfig,
  { threads, folder, memory, redis }: Shared,
  reports: RunReports,
  signal: AbortSignal,
): Promise<void> {
  await using children = new RunChildren(signal, redis?.url);
  const manager = strategy.startsWith("manager") && memory !== undefined
    ? folder.socket
    : undefined;
  if (manager !== undefined) await startManager(manager, runtimes[0], children, reports);
  const specs = Array.from({ length: workers }, (_, worker): WorkerSpec => ({
    strategy,
    worker,
    workers,
    increments,
    granularity,
    warm,
    memory: memory && folder.memory,
    file: folder.text,
    redis: redis?.key,
    manager,
  }));
  const hosts = runtimes.flatMap((runtime, i) => {
    const own = specs.filter(({ worker }) => worker % runtimes.length === i);
    return threads
      ? [startThreads(own, runtime, children, reports)]
      : own.map((spec) => startWorker(spec, runtime, children, reports));
  });
  await children.orFailure(reports.allReady);
  // In the memory that all share, or by the process that has the memory.
  if (memory !== undefined) new Gate(memory, workers).open();
  else hosts[0].tell("open");
  await children.orFailure(reports.allDone);
  await children.orFailure(Promise.all(hosts.map(({ ended }) => ended)));
}

/** Starts the manager, and waits until it serves. */
async function startManager(
  socket: string,
  runtime: Runtime,
  children: RunChildren,
  reports: RunReports,
): Promise<void> {
  const serving = Promise.withResolvers<void>();
  const spec = { role: "manager", coordinator: process.pid, socket } as const;
  children.startCounting(
    runtime,
    "the manager",
    spec,
    () => serving.resolve(),
    () => reports.complete,
  );
  await children.orFailure(serving.promise);
}

/** Starts one process with all workers of a runtime as threads. */
function startThreads(
  threads: readonly WorkerSpec[],
  runtime: Runtime,
  children: RunChildren,
  { reports, receive }: RunReports,
): Child {
  const what = `the process of workers ${threads.map(({ worker }) => worker).join(", ")}`;
  const spec = { role: "threads", coordinator: process.pid, threads } as const;
  const isDone = () => threads.every(({ worker }) => reports[worker] !== undefined);
  return children.startCounting(runtime, what, spec, receive, isDone);
}

/** Starts a process for one worker. */
function startWorker(
  worker: WorkerSpec,
  runtime: Runtime,
  children: RunChildren,
  { reports, receive }: RunReports,
): Child {
  const spec = { role: "worker", coordinator: process.pid, worker } as const;
  const isDone = () => reports[worker.worker] !== undefined;
  return children.startCounting(runtime, `worker ${worker.worker}`, spec, receive, isDone);
}
