import type { Memory } from "../memory/memory.ts";
import { monotonicNanoseconds } from "../runtime/waiting/clock.ts";
import { Gate } from "./gate.ts";
import { regions } from "./layout.ts";
import type { ManagerRequest } from "./manager.ts";
import { loadStrategy } from "./strategies/mod.ts";
import { needsRedis, type StrategyName } from "./strategies/names.ts";
import type { Counting, CountingContext, SearchReport } from "./strategies/strategy.ts";

/** The parameters of a worker; sent as JSON. */
export interface WorkerSpec {
  readonly strategy: StrategyName;
  readonly worker: number;
  readonly workers: number;
  readonly increments: number;
  readonly granularity: "increment" | "call";
  readonly warm: boolean;
  /** The path of the mapped memory; `undefined` if the threads of one process share memory. */
  readonly memory: string | undefined;
  /** The text file, if the strategy needs it; the scratch file has `.scratch` after its name. */
  readonly file: string;
  /** The beginning of the run's keys on the Redis server; `undefined` without a server. */
  readonly redis: string | undefined;
  /** The socket of the manager; `undefined` if the parent thread is the manager. */
  readonly manager: string | undefined;
}

/** The messages of a worker, in this order. */
export type WorkerMessage =
  | { readonly kind: "ready"; readonly worker: number }
  | { readonly kind: "done"; readonly worker: number; readonly report: WorkerReport }
  | { readonly kind: "failed"; readonly failed: string };

/** What a worker measured. */
export interface WorkerReport {
  /** When the worker passed the gate, in nanoseconds of the monotonic clock. */
  readonly start: number;
  /** When its last increment ended. */
  readonly end: number;
  readonly errors: number;
  readonly errorSamples: readonly string[];
  /** From worker 0 only: the count, read when all workers were done. */
  readonly actual?: number;
  readonly search?: SearchReport;
}

/** The connection of a worker to its parent. */
export interface WorkerLink {
  send(message: WorkerMessage): void;
  ask(request: ManagerRequest): Promise<number>;
}

const SAMPLES = 10;
/** Increments of scratch cells before a worker is ready, so that its code is compiled. */
const WARMING = { memory: 200_000, file: 2000, manager: 100, redis: 100 } as const;

const WARMING_CALLS = 20;

function warmingOf(strategy: StrategyName): number {
  if (strategy === "flag") return WARMING_CALLS;
  if (strategy.startsWith("file")) return WARMING.file;
  if (needsRedis(strategy)) return WARMING.redis;
  return strategy.startsWith("manager") ? WARMING.manager : WARMING.memory;
}

async function countAll(counting: Counting, times: number): Promise<void> {
  counting.around?.lock();
  try {
    await counting.count(times);
  } finally {
    counting.around?.unlock();
  }
}

/** Runs one worker, from warming up to its report. */
export async function work(spec: WorkerSpec, memory: Memory, link: WorkerLink): Promise<void> {
  const { worker, workers, granularity } = spec;
  const gate = new Gate(memory, workers);
  const { real, scratch } = regions(workers);
  const ask = spec.manager === undefined
    ? (request: ManagerRequest) => link.ask(request)
    : await (await import("./manager_socket.ts")).connectManager(spec.manager);
  const strategy = await loadStrategy(spec.strategy);
  const errorSamples: string[] = [];
  let errors = 0;

  const context: CountingContext = {
    memory,
    offset: real,
    worker,
    workers,
    file: spec.file,
    redis: spec.redis,
    granularity,
    ask,
    onError(text) {
      errors++;
      if (errorSamples.length < SAMPLES) errorSamples.push(text);
    },
    meet: () => gate.meet(),
  };
  if (spec.warm) {
    const warming = strategy({
      ...context,
      offset: scratch,
      file: `${spec.file}.scratch`,
      onError: () => {},
      meet: () => {},
    });
    // In many calls: engines optimize a function better between calls than during one.
    const times = warmingOf(spec.strategy) / WARMING_CALLS;
    for (let i = 0; i < WARMING_CALLS; i++) await countAll(warming, times);
  }
  const counting = strategy(context);

  link.send({ kind: "ready", worker });
  gate.pass();
  const start = monotonicNanoseconds();
  await countAll(counting, spec.increments);
  const end = monotonicNanoseconds();
  gate.meet();
  link.send({
    kind: "done",
    worker,
    report: {
      start,
      end,
      errors,
      errorSamples,
      actual: worker === 0 ? await counting.read() : undefined,
      search: counting.search?.(),
    },
  });
}
