import type { Child } from "../host/child.ts";
import { ChildError, Children } from "../host/children.ts";
import type { Runtime } from "../host/runtimes.ts";
import type { ChildMessage, HostSpec } from "./host.ts";
import { REDIS_VARIABLE } from "./redis_cells.ts";
import type { WorkerReport } from "./worker.ts";

const PROGRAM = new URL(
  `../../workers/counting_process${import.meta.url.slice(-3)}`, // .ts here, .js in the npm package
  import.meta.url,
);

/** Options for {@linkcode RunChildren}. */
export interface RunChildrenOptions {
  readonly workers: number;
  /** Fails the run with its reason. */
  readonly signal: AbortSignal;
  /** The address of the Redis server, for workers that count there. */
  readonly redis: string | undefined;
  /** Called twice per worker: when it is ready and when it is done. */
  readonly onStep: () => void;
}

/** The child processes of a run and the reports of their workers. The run fails if one of them does. */
export class RunChildren extends Children {
  readonly #options: RunChildrenOptions;
  /** The reports of the workers that are done, by worker. */
  readonly #reports: WorkerReport[] = [];
  #readyCount = 0;
  #doneCount = 0;
  readonly #serving = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();

  constructor(options: RunChildrenOptions) {
    super(options.signal);
    this.#options = options;
  }

  /** Starts a child that counts; the run fails if it ends before its workers have reported. */
  startCounting(runtime: Runtime, spec: HostSpec): Child {
    const { redis } = this.#options;
    const child: Child = this.start<ChildMessage>(
      {
        runtime,
        what: nameOf(spec),
        program: PROGRAM,
        args: [JSON.stringify(spec)],
        imports: redis !== undefined,
        env: redis === undefined ? {} : { [REDIS_VARIABLE]: redis },
        receive: (message) => this.#receive(message, child),
      },
      "counted",
      () => this.#isDone(spec),
    );
    return child;
  }

  /** Waits until the manager serves. */
  serving(): Promise<void> {
    return this.orFailure(this.#serving.promise);
  }

  /** Waits until all workers are ready to count. */
  ready(): Promise<void> {
    return this.orFailure(this.#ready.promise);
  }

  /** Waits for the reports of all workers, and until their processes, `hosts`, have ended. */
  async reports(hosts: readonly Child[]): Promise<readonly WorkerReport[]> {
    await this.orFailure(this.#done.promise);
    await this.orFailure(Promise.all(hosts.map(({ ended }) => ended)));
    return this.#reports;
  }

  #receive(message: ChildMessage, child: Child): void {
    const { workers, onStep } = this.#options;
    if (message.kind === "failed") {
      return this.fail(new ChildError(`${child.name} failed: ${message.message}`));
    }
    if (message.kind === "serving") return this.#serving.resolve();
    onStep();
    if (message.kind === "ready") {
      if (++this.#readyCount === workers) this.#ready.resolve();
      return;
    }
    this.#reports[message.worker] = message.report;
    if (++this.#doneCount === workers) this.#done.resolve();
  }

  /** Whether the workers of a child have reported; of the manager, whether all have. */
  #isDone(spec: HostSpec): boolean {
    if (spec.role === "manager") return this.#doneCount === this.#options.workers;
    return workersOf(spec).every((worker) => this.#reports[worker] !== undefined);
  }
}

function workersOf(spec: Exclude<HostSpec, { role: "manager" }>): number[] {
  return (spec.role === "worker" ? [spec.worker] : spec.threads).map(({ worker }) => worker);
}

function nameOf(spec: HostSpec): string {
  if (spec.role === "manager") return "the manager";
  const workers = workersOf(spec).join(", ");
  return spec.role === "worker" ? `worker ${workers}` : `the process of workers ${workers}`;
}
