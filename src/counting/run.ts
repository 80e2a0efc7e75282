import { Memory } from "../memory/memory.ts";
import process from "node:process";
import { Child, type ChildEnd } from "./child.ts";
import type { CountConfig } from "./config.ts";
import { Gate } from "./gate.ts";
import type { HostSpec } from "./host.ts";
import { regions } from "./layout.ts";
import type { CountResult } from "./result.ts";
import { RunFolder } from "./run_folder.ts";
import type { Runtime } from "../host/runtimes.ts";
import { isExact, needsRedis, type StrategyName } from "./strategies/names.ts";
import type { WorkerMessage, WorkerReport, WorkerSpec } from "./worker.ts";

/** Thrown if a worker of a run died or failed. The message names the worker. */
export class RunError extends Error {
  override readonly name = "RunError";
}

/** One experiment: a strategy, and the runtimes among which its workers are distributed in turn. */
export interface Run {
  readonly strategy: StrategyName;
  readonly runtimes: readonly Runtime[];
}

/**
 * Runs one experiment in processes of its own, all of which have ended when this settles.
 *
 * @param signal Kills the processes and rejects with its reason.
 * @param onStep Called twice per worker: when it is ready and when it is done.
 * @throws {RunError} If a worker died or failed.
 */
export async function runStrategy(
  { strategy, runtimes }: Run,
  config: CountConfig,
  signal: AbortSignal,
  onStep: () => void,
): Promise<CountResult> {
  signal.throwIfAborted();
  const began = performance.now();
  using folder = new RunFolder(config.directory);
  const { workers, increments, unit } = config;
  const threads = unit === "worker";
  const anonymous = threads && runtimes.length === 1;
  const needsManager = strategy.startsWith("manager") && !anonymous;

  using memory = anonymous ? undefined : Memory.map(folder.memory, regions(workers).byteLength);
  const { real, scratch } = regions(workers);
  await using redis = needsRedis(strategy)
    ? await (await import("./run_redis.ts")).RunRedis.open(config.redis, [real, scratch])
    : undefined;
  const specs = Array.from({ length: workers }, (_, worker): WorkerSpec => ({
    strategy,
    worker,
    workers,
    increments,
    granularity: config.granularity,
    warm: config.warm,
    memory: anonymous ? undefined : folder.memory,
    file: folder.text,
    redis: redis?.key,
    manager: needsManager ? folder.socket : undefined,
  }));

  let ready = 0;
  let done = 0;
  const children: Child[] = [];
  const reports: WorkerReport[] = [];
  const closed: Promise<ChildEnd>[] = [];
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  const abort = () => failure.reject(signal.reason);
  signal.addEventListener("abort", abort);

  /** Starts a child; the run fails if the child ends before `finished` is true. */
  function start(
    runtime: Runtime,
    what: string,
    spec: HostSpec,
    receive: (message: WorkerMessage) => void,
    finished: () => boolean,
  ): Child {
    const child: Child = new Child(runtime, what, spec, (message) => {
      if (message.kind !== "failed") return receive(message);
      failure.reject(new RunError(`${child.name} failed: ${message.message}`));
    }, redis?.url);
    children.push(child);
    closed.push(child.ended);
    child.ended.then((end) => {
      if (!finished()) failure.reject(new RunError(`${child.name} ${describe(end)}`));
    });
    return child;
  }

  try {
    const coordinator = process.pid;
    if (needsManager) {
      const serving = Promise.withResolvers<void>();
      const spec: HostSpec = { role: "manager", coordinator, socket: folder.socket };
      start(runtimes[0], "the manager", spec, () => serving.resolve(), () => done === workers);
      await Promise.race([serving.promise, failure.promise]);
    }
    const allReady = Promise.withResolvers<void>();
    const allDone = Promise.withResolvers<void>();
    const receive = (message: WorkerMessage) => {
      onStep();
      if (message.kind === "ready" && ++ready === workers) allReady.resolve();
      if (message.kind === "done") {
        reports[message.worker] = message.report;
        if (++done === workers) allDone.resolve();
      }
    };
    const shares = runtimes.map((runtime, i) => ({
      runtime,
      specs: specs.filter(({ worker }) => worker % runtimes.length === i),
    }));
    const hosts = shares.flatMap(({ runtime, specs }) => {
      const isDone = () => specs.every(({ worker }) => reports[worker] !== undefined);
      if (threads) {
        const what = `the process of workers ${specs.map(({ worker }) => worker).join(", ")}`;
        const spec: HostSpec = { role: "threads", coordinator, threads: specs };
        return [start(runtime, what, spec, receive, isDone)];
      }
      return specs.map((worker) => {
        const spec: HostSpec = { role: "worker", coordinator, worker };
        const finished = () => reports[worker.worker] !== undefined;
        return start(runtime, `worker ${worker.worker}`, spec, receive, finished);
      });
    });

    await Promise.race([allReady.promise, failure.promise]);
    if (memory !== undefined) new Gate(memory, workers).open();
    else hosts[0].tell("open");
    await Promise.race([allDone.promise, failure.promise]);
    await Promise.race([Promise.all(hosts.map(({ ended }) => ended)), failure.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    for (const child of children) child.kill();
    await Promise.all(closed);
  }
  return summarize(strategy, runtimes, config, reports, performance.now() - began);
}

function describe({ code, signal, stderr }: ChildEnd): string {
  const how = signal !== null ? `was killed by ${signal}` : `ended with status ${code}`;
  return `${how} before it had counted${stderr === "" ? "" : `:\n${stderr}`}`;
}

function summarize(
  strategy: StrategyName,
  runtimes: readonly Runtime[],
  { unit, workers, increments }: CountConfig,
  reports: readonly WorkerReport[],
  totalMs: number,
): CountResult {
  const starts = reports.map(({ start }) => start);
  const first = Math.min(...starts);
  const countingNs = Math.max(...reports.map(({ end }) => end)) - first;
  const { actual = 0, search } = reports[0];
  const expected = search?.expected ?? workers * increments;
  const spanMs = (spans: readonly (readonly [number, number])[]) =>
    (Math.max(...spans.map(([, end]) => end)) - Math.min(...spans.map(([start]) => start))) / 1e6;
  return {
    strategy,
    exact: isExact(strategy, workers),
    unit,
    runtimes: runtimes.map(({ name }) => name),
    workers,
    increments,
    expected,
    actual,
    lost: expected - actual,
    errors: reports.reduce((sum, { errors }) => sum + errors, 0),
    errorSamples: reports.flatMap(({ errorSamples }) => errorSamples).slice(0, 10),
    countingMs: countingNs / 1e6,
    totalMs,
    nsPerIncrement: search?.nsPerLook ?? countingNs / (workers * increments),
    startSkewUs: (Math.max(...starts) - first) / 1e3,
    search: search && {
      serialMs: search.serialMs,
      noFlagMs: spanMs(reports.map(({ search }) => search!.noFlag)),
      flagMs: spanMs(reports.map(({ search }) => search!.flag)),
    },
  };
}
