import process from "node:process";
import { Memory } from "../memory/memory.ts";
import type { CountConfig, Run } from "./config.ts";
import { Gate } from "./gate.ts";
import { regions } from "./layout.ts";
import { type CountResult, summarize } from "./result.ts";
import { RunChildren } from "./run_children.ts";
import { RunFolder } from "./run_folder.ts";
import type { RunRedis } from "./run_redis.ts";
import { needsRedis } from "./strategies/names.ts";
import type { WorkerReport, WorkerSpec } from "./worker.ts";

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
  const reports = await count(run, config, shared, signal, onStep);
  return summarize(run, config, reports, performance.now() - began);
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
  signal: AbortSignal,
  onStep: () => void,
): Promise<readonly WorkerReport[]> {
  const coordinator = process.pid;
  await using children = new RunChildren({ workers, signal, redis: redis?.url, onStep });
  const manager = strategy.startsWith("manager") && memory !== undefined
    ? folder.socket
    : undefined;
  if (manager !== undefined) {
    children.startCounting(runtimes[0], { role: "manager", coordinator, socket: manager });
    await children.serving();
  }
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
      ? [children.startCounting(runtime, { role: "threads", coordinator, threads: own })]
      : own.map((worker) =>
        children.startCounting(runtime, { role: "worker", coordinator, worker })
      );
  });
  await children.ready();
  // In the memory that all share, or by the process that has the memory.
  if (memory !== undefined) new Gate(memory, workers).open();
  else hosts[0].tell("open");
  return await children.reports(hosts);
}
