import { Child, describeEnd } from "../host/child.ts";
import type { Runtime } from "../host/runtimes.ts";
import type { HostSpec } from "./host.ts";
import { REDIS_VARIABLE } from "./redis_cells.ts";
import type { WorkerMessage } from "./worker.ts";

const PROGRAM = new URL(
  `../../workers/counting_process${import.meta.url.slice(-3)}`, // .ts here, .js in the npm package
  import.meta.url,
);

/** Thrown if a worker of a run died or failed. The message names the worker. */
export class RunError extends Error {
  override readonly name = "RunError";
}

/** The child processes of a run, which fails if one of them does. */
export class RunChildren implements AsyncDisposable {
  readonly #children: Child[] = [];
  readonly #failure = Promise.withResolvers<never>();
  readonly #signal: AbortSignal;
  readonly #redis: string | undefined;

  /**
   * @param signal Fails the run with its reason.
   * @param redis The address of the Redis server, for workers that count there.
   */
  constructor(signal: AbortSignal, redis: string | undefined) {
    this.#failure.promise.catch(() => {});
    this.#signal = signal;
    this.#signal.addEventListener("abort", this.#abort);
    this.#redis = redis;
  }

  readonly #abort = (): void => this.#failure.reject(this.#signal.reason);

  /** Starts a child; the run fails if the child ends before `isDone` returns true. */
  start(
    runtime: Runtime,
    what: string,
    spec: HostSpec,
    receive: (message: WorkerMessage) => void,
    isDone: () => boolean,
  ): Child {
    const child: Child = new Child<WorkerMessage>({
      runtime,
      what,
      program: PROGRAM,
      args: [JSON.stringify(spec)],
      imports: this.#redis !== undefined,
      env: this.#redis === undefined ? {} : { [REDIS_VARIABLE]: this.#redis },
      receive: (message) => {
        if (message.kind !== "failed") return receive(message);
        this.#failure.reject(new RunError(`${child.name} failed: ${message.message}`));
      },
    });
    this.#children.push(child);
    child.ended.then((end) => {
      if (!isDone()) {
        this.#failure.reject(new RunError(`${child.name} ${describeEnd(end, "counted")}`));
      }
    });
    return child;
  }

  /** Waits for a step of the run, or throws the failure of the run. */
  async orFailure(step: Promise<unknown>): Promise<void> {
    await Promise.race([step, this.#failure.promise]);
  }

  /** Kills the children that still run, and waits until all have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#abort);
    for (const child of this.#children) child.kill();
    await Promise.all(this.#children.map(({ ended }) => ended));
  }
}
