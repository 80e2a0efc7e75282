import type { Memory } from "../memory/memory.ts";
import { monotonicNanoseconds } from "../runtime/waiting/clock.ts";
import { calibrate, phaseOf } from "./calibration.ts";
import { Gate } from "./gate.ts";
import { regions } from "./layout.ts";
import type { ManagerRequest } from "./manager.ts";
import { loadStrategy } from "./strategies/mod.ts";
import type { StrategyName } from "./strategies/names.ts";
import type { Counting, CountingContext, SearchReport } from "./strategies/strategy.ts";

/** The parameters of a worker; sent as JSON. */
export interface WorkerSpec {
  readonly strategy: StrategyName;
  readonly worker: number;
  readonly workers: number;
  /** Increments by each worker; if not given, the workers find a number. */
  readonly increments: number | undefined;
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
  /** The increments by each worker. */
  readonly increments: number;
  readonly errors: number;
  /** Up to ten different texts that were no number. */
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
/** Increments by a worker that was not warmed, if no number is given. */
const COLD_INCREMENTS = 1000;

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
  const errorSamples = new Set<string>();
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
      if (errorSamples.size < SAMPLES) errorSamples.add(text);
    },
    meet: () => gate.meet(),
  };
  const counting = strategy(context);

  link.send({ kind: "ready", worker });
  gate.pass();
  let increments = spec.increments ?? COLD_INCREMENTS;
  if (spec.warm) {
    const scratched = strategy({
      ...context,
      offset: scratch,
      file: `${spec.file}.scratch`,
      onError: () => {},
    });
    if (scratched.warmUp !== undefined) scratched.warmUp();
    else {
      const count = (times: number) => countAll(scratched, times);
      const found = await calibrate(count, gate, worker, workers, phaseOf(spec.strategy));
      increments = spec.increments ?? found;
    }
  }
  gate.meet();
  const start = monotonicNanoseconds();
  await countAll(counting, increments);
  const end = monotonicNanoseconds();
  gate.meet();
  link.send({
    kind: "done",
    worker,
    report: {
      start,
      end,
      increments,
      errors,
      errorSamples: [...errorSamples],
      actual: worker === 0 ? await counting.read() : undefined,
      search: counting.search?.(),
    },
  });
}
