import process from "node:process";
import { Child, describeEnd } from "../../src/host/child.ts";
import type { Runtime } from "../../src/host/runtimes.ts";
import type { Job, Report } from "./jobs.ts";
import type { Answer, ProcessSpec } from "./member.ts";

const MEMBER = new URL("./member.ts", import.meta.url);
const TIMEOUT_MS = 60_000;

/** The parameters of a fleet. */
export interface FleetSpec extends Pick<ProcessSpec, "site" | "jobs" | "mapped"> {
  /** The processes use them in turn; workers use the first. */
  readonly runtimes: readonly Runtime[];
  /** Whether the members are Web Workers of one process. */
  readonly threads: boolean;
  readonly size: number;
}

/** Processes or workers that are started once and then do one job after the other together. */
export class Fleet implements Disposable {
  readonly #spec: FleetSpec;
  readonly #children: Child[];
  /** The answers that have come since the last job, by number, and the promise of all of them. */
  #answers: Answer[] = [];
  #all = Promise.withResolvers<Answer[]>();
  #broken: Error | undefined;

  private constructor(spec: FleetSpec) {
    const { runtimes, threads, size } = this.#spec = spec;
    this.#children = threads
      ? [this.#start(runtimes[0], undefined)]
      : Array.from({ length: size }, (_, i) => this.#start(runtimes[i % runtimes.length], i));
  }

  /** Starts a fleet, which the signal breaks; resolves when all its members are ready. */
  static async start(spec: FleetSpec, signal: AbortSignal): Promise<Fleet> {
    const fleet = new Fleet(spec);
    signal.addEventListener("abort", () => fleet.#break(signal.reason));
    try {
      await fleet.#next();
      return fleet;
    } catch (error) {
      fleet[Symbol.dispose]();
      throw error;
    }
  }

  /** Lets all members do a job; resolves to their reports, by number. */
  async do(job: Job): Promise<Report[]> {
    const answers = this.#next();
    for (const child of this.#children) child.tell(JSON.stringify(job));
    return (await answers).map(({ report }) => report!);
  }

  /** Kills all members. */
  [Symbol.dispose](): void {
    this.#break(new Error("Cannot use a fleet after its disposal"));
    for (const child of this.#children) child.kill();
  }

  #start(runtime: Runtime, worker: number | undefined): Child {
    const { site, jobs, mapped, size: workers } = this.#spec;
    const spec: ProcessSpec = { coordinator: process.pid, site, jobs, workers, worker, mapped };
    const child: Child = new Child<Answer>({
      runtime,
      what: `one of ${workers} members`,
      program: MEMBER,
      args: [JSON.stringify(spec)],
      imports: true,
      receive: ({ worker, ...answer }) => {
        if (answer.failed) return this.#break(new Error(`${child.name}: ${answer.failed}`));
        this.#answers[worker] = { worker, ...answer };
        if (Object.keys(this.#answers).length === workers) this.#all.resolve(this.#answers);
      },
    });
    void child.ended.then((end) => {
      this.#break(new Error(`${child.name} ${describeEnd(end, "been disposed of")}`));
    });
    return child;
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#all.reject(this.#broken);
  }

  /** The next answer of each member. */
  async #next(): Promise<Answer[]> {
    if (this.#broken !== undefined) throw this.#broken;
    this.#answers = [];
    this.#all = Promise.withResolvers();
    const late = () => this.#break(new Error(`Members did not answer in ${TIMEOUT_MS / 1000} s`));
    const timer = setTimeout(late, TIMEOUT_MS);
    try {
      return await this.#all.promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
