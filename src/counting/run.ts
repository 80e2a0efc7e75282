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
 * @throws {RunError} If a worker died or failed.
 */
export async function runStrategy(
  run: Run,
  config: CountConfig,
  signal: AbortSignal,
  onStep?: () => void,
): Promise<CountResult> {
  signal.throwIfAborted();
  const began = performance.now();
  await using prepared = await prepare(run, config);
  const reports = await count(run, prepared, signal, onStep);
  return summarize(run, config, reports, performance.now() - began);
}

/** What the processes of a run share; removed when they have ended. */
interface PreparedRun extends AsyncDisposable {
  readonly specs: readonly WorkerSpec[];
  /** Whether the workers are threads; the default is a process for each. */
  readonly threads: boolean;
  /** The mapped memory; `undefined` if one process makes the memory for its own threads. */
  readonly memory: Memory | undefined;
  /** The socket of the manager; `undefined` if the run needs none. */
  readonly manager: string | undefined;
  readonly redis: RunRedis | undefined;
}

/** Makes the folder, the memory and the numbers on the Redis server. */
async function prepare({ strategy, runtimes }: Run, config: CountConfig): Promise<PreparedRun> {
  const { workers } = config;
  const { real, scratch, byteLength } = regions(workers);
  const threads = config.unit === "worker";
  const anonymous = threads && runtimes.length === 1;

  await using stack = new AsyncDisposableStack();
  const folder = stack.use(new RunFolder(config.directory));
  const memory = anonymous ? undefined : stack.use(Memory.map(folder.memory, byteLength));
  const redis = needsRedis(strategy)
    ? stack.use(
      await (await import("./run_redis.ts")).RunRedis.open(config.redis, [real, scratch]),
    )
    : undefined;
  const manager = strategy.startsWith("manager") && !anonymous ? folder.socket : undefined;
  const specs = Array.from({ length: workers }, (_, worker): WorkerSpec => ({
    strategy,
    worker,
    workers,
    increments: config.increments,
    granularity: config.granularity,
    warm: config.warm,
    memory: anonymous ? undefined : folder.memory,
    file: folder.text,
    redis: redis?.key,
    manager,
  }));
  const made = stack.move();
  const dispose = () => made.disposeAsync();
  return { specs, threads, memory, manager, redis, [Symbol.asyncDispose]: dispose };
}

/** Starts the processes, lets their workers count at once, and waits until all have ended. */
async function count(
  { runtimes }: Run,
  { specs, threads, memory, manager: socket, redis }: PreparedRun,
  signal: AbortSignal,
  onStep?: () => void,
): Promise<readonly WorkerReport[]> {
  const workers = specs.length;
  const coordinator = process.pid;
  await using children = new RunChildren({ workers, signal, redis: redis?.url, onStep });
  if (socket !== undefined) {
    children.start(runtimes[0], { role: "manager", coordinator, socket });
    await children.serving();
  }
  const hosts = runtimes.flatMap((runtime, i) => {
    const own = specs.filter(({ worker }) => worker % runtimes.length === i);
    return threads
      ? [children.start(runtime, { role: "threads", coordinator, threads: own })]
      : own.map((worker) => children.start(runtime, { role: "worker", coordinator, worker }));
  });
  await children.ready();
  // The process that has the memory opens the gate if it shares it with no other.
  if (memory !== undefined) new Gate(memory, workers).open();
  else hosts[0].tell("open");
  return await children.reports(hosts);
}
