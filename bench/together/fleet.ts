import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Runtime } from "../../src/host/runtimes.ts";
import { commandOf, environment, ROOT } from "../launch.ts";
import type { Site } from "../site.ts";
import type { Answer, ProcessSpec } from "./answer.ts";
import type { Job, Report } from "./member.ts";

const ENTRY = new URL("./fleet_process.ts", import.meta.url);
const TIMEOUT_MS = 60_000;

/** The parameters of a fleet. */
export interface FleetSpec {
  /** The processes use them in turn; workers use the first. */
  readonly runtimes: readonly Runtime[];
  readonly setting: "workers" | "processes";
  readonly size: number;
  readonly site: Site;
  /** The largest number of jobs. */
  readonly jobs: number;
}

/** Processes or workers that are started once and then do one job after the other together. */
export class Fleet implements Disposable {
  readonly #children: ChildProcess[] = [];
  readonly #size: number;
  readonly #signal: AbortSignal;
  /** The next answers of the members, by number. */
  #answers: (Answer | undefined)[] = [];
  #all = answers();
  #broken: Error | undefined;

  private constructor(spec: FleetSpec, signal: AbortSignal) {
    this.#size = spec.size;
    this.#signal = signal;
    const { runtimes, setting, size } = spec;
    if (setting === "workers") this.#start(runtimes[0], spec, undefined);
    else for (let i = 0; i < size; i++) this.#start(runtimes[i % runtimes.length], spec, i);
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
    const line = `${JSON.stringify(job)}\n`;
    for (const child of this.#children) child.stdin!.write(line);
    return (await this.#next()).map((answer) => (answer as { report: Report }).report);
  }

  /** Kills all members. */
  [Symbol.dispose](): void {
    this.#broken ??= new Error("Cannot use a fleet after its disposal");
    for (const child of this.#children) child.kill("SIGKILL");
  }

  #start(runtime: Runtime, { site, jobs, size }: FleetSpec, worker: number | undefined): void {
    const spec: ProcessSpec = {
      coordinator: process.pid,
      site,
      jobs,
      workers: size,
      worker,
    };
    const [path, ...args] = commandOf(runtime, ENTRY, JSON.stringify(spec));
    const child = spawn(path, args, { cwd: ROOT, env: environment(), detached: true });
    this.#children.push(child);
    let said = "";
    child.stdin.on("error", () => {}); // It died, which the "close" event reports.
    child.stderr.setEncoding("utf8").on("data", (text) => said = (said + text).slice(-2000));
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#receive(JSON.parse(line) as Answer);
    });
    const what = `${runtime.name}, one of ${size} members,`;
    child.on("error", (error) => this.#break(`Cannot start ${path}: ${error.message}`));
    child.on("close", (status, killer) => {
      this.#break(`${what} ended with ${killer ?? `status ${status}`}: ${said.trim()}`);
    });
  }

  #receive(answer: Answer): void {
    if ("failed" in answer) return this.#break(`Member ${answer.worker} failed: ${answer.failed}`);
    this.#answers[answer.worker] = answer;
    if (this.#answers.filter(Boolean).length === this.#size) {
      this.#all.resolve(this.#answers as Answer[]);
    }
  }

  #break(message: string): void {
    this.#broken ??= new Error(message);
    this.#all.reject(this.#broken);
  }

  /** The next answer of each member. */
  async #next(): Promise<Answer[]> {
    if (this.#broken !== undefined) throw this.#broken;
    const timer = setTimeout(
      () => this.#break(`Members did not answer within ${TIMEOUT_MS / 1000} s`),
      TIMEOUT_MS,
    );
    const abort = () => this.#all.reject(this.#signal.reason);
    this.#signal.addEventListener("abort", abort);
    try {
      this.#signal.throwIfAborted();
      return await this.#all.promise;
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener("abort", abort);
      this.#answers = [];
      this.#all = answers();
    }
  }
}

/** A promise of all answers; a failure is reported by the next call that awaits it. */
function answers(): PromiseWithResolvers<Answer[]> {
  const all = Promise.withResolvers<Answer[]>();
  all.promise.catch(() => {});
  return all;
}
