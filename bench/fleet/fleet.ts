import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Runtime } from "../../src/host/runtimes.ts";
import { commandOf, environment, ROOT } from "../launch.ts";
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
  readonly #children: ChildProcess[];
  /** The answers that have come since the last job, by number, and the promise of all of them. */
  #answers: Answer[] = [];
  #all = Promise.withResolvers<Answer[]>();
  #broken: Error | undefined;

  private constructor(spec: FleetSpec, signal: AbortSignal) {
    const { runtimes, threads, size } = this.#spec = spec;
    this.#children = threads
      ? [this.#start(runtimes[0], undefined, signal)]
      : Array.from({ length: size }, (_, i) =>
        this.#start(runtimes[i % runtimes.length], i, signal));
  }

  /** Starts a fleet; resolves when all its members are ready. */
  static async start(spec: FleetSpec, signal: AbortSignal): Promise<Fleet> {
    const fleet = new Fleet(spec, signal);
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
    for (const child of this.#children) child.stdin!.write(`${JSON.stringify(job)}\n`);
    return (await answers).map(({ report }) => report!);
  }

  /** Kills all members. */
  [Symbol.dispose](): void {
    this.#break(new Error("Cannot use a fleet after its disposal"));
    for (const child of this.#children) child.kill("SIGKILL");
  }

  #start(runtime: Runtime, worker: number | undefined, signal: AbortSignal): ChildProcess {
    const { site, jobs, mapped, size } = this.#spec;
    const spec: ProcessSpec = {
      coordinator: process.pid,
      site,
      jobs,
      workers: size,
      worker,
      mapped,
    };
    const [path, ...args] = commandOf(runtime, MEMBER, JSON.stringify(spec));
    const child = spawn(path, args, {
      cwd: ROOT,
      env: environment(),
      detached: true,
      signal,
      killSignal: "SIGKILL",
    });
    let said = "";
    child.stdin.on("error", () => {}); // It died, which the "close" event reports.
    child.stderr.setEncoding("utf8").on("data", (text) => said = (said + text).slice(-2000));
    createInterface({ input: child.stdout }).on("line", (line) => this.#receive(JSON.parse(line)));
    child.on("error", (error) => this.#break(error));
    child.on("close", (status, killer) => {
      const how = killer ?? `status ${status}`;
      this.#break(
        new Error(`${runtime.name}, 1 of ${size} members, ended with ${how}: ${said.trim()}`),
      );
    });
    return child;
  }

  #receive(answer: Answer): void {
    const { worker, failed } = answer;
    if (failed !== undefined) return this.#break(new Error(`Member ${worker} failed: ${failed}`));
    this.#answers[worker] = answer;
    if (Object.keys(this.#answers).length === this.#spec.size) this.#all.resolve(this.#answers);
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
