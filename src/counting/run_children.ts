import type { Child } from "../host/child.ts";
import { ChildError, Children } from "../host/children.ts";
import type { Runtime } from "../host/runtimes.ts";
import type { HostSpec } from "./host.ts";
import { REDIS_VARIABLE } from "./redis_cells.ts";
import type { WorkerMessage } from "./worker.ts";

const PROGRAM = new URL(
  `../../workers/counting_process${import.meta.url.slice(-3)}`, // .ts here, .js in the npm package
  import.meta.url,
);

/** The child processes of a run, which fails if one of them does. */
export class RunChildren extends Children {
  readonly #redis: string | undefined;

  /**
   * @param signal Fails the run with its reason.
   * @param redis The address of the Redis server, for workers that count there.
   */
  constructor(signal: AbortSignal, redis: string | undefined) {
    super(signal);
    this.#redis = redis;
  }

  /** Starts a child that counts; the run fails if it ends before `isDone` returns true. */
  startCounting(
    runtime: Runtime,
    what: string,
    spec: HostSpec,
    receive: (message: WorkerMessage) => void,
    isDone: () => boolean,
  ): Child {
    const options = {
      runtime,
      what,
      program: PROGRAM,
      args: [JSON.stringify(spec)],
      imports: this.#redis !== undefined,
      env: this.#redis === undefined ? {} : { [REDIS_VARIABLE]: this.#redis },
      receive: (message: WorkerMessage) => {
        if (message.kind !== "failed") return receive(message);
        this.fail(new ChildError(`${child.name} failed: ${message.message}`));
      },
    };
    const child = this.start(options, "counted", isDone);
    return child;
  }
}
