import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Runtime } from "../../src/counting/runtimes.ts";
import { commandOf, environment, ROOT } from "../launch.ts";
import type { Folders } from "../place.ts";
import type { Answer, ProcessSpec } from "./answer.ts";
import { bytesFor, type Job, type Report } from "./member.ts";

const ENTRY = new URL("./fleet_process.ts", import.meta.url);
const TIMEOUT_MS = 60_000;

/** What a fleet is made of. */
export interface FleetSpec {
  /** Dealt to processes round robin; workers have the first. */
  readonly runtimes: readonly Runtime[];
  readonly setting: "workers" | "processes";
  readonly size: number;
  readonly folders: Folders;
  /** How many jobs it will be given, at most. */
  readonly jobs: number;
}

/** Processes or workers that are started once, and do one thing after the other together. */
export class Fleet implements Disposable {
  readonly #children: ChildProcess[] = [];
  readonly #size: number;
  readonly #signal: AbortSignal;
  /** What the members answer next, by their numbers. */
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

  /** Starts one; all its members are ready then. */
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

  /** Has all members do a job; gives their reports, by number. */
  async do(job: Job): Promise<Report[]> {
    const line = `${JSON.stringify(job)}\n`;
    for (const child of this.#children) child.stdin!.write(line);
    return (await this.#next()).map((answer) => (answer as { report: Report }).report);
  }

  /** Ends all of it. */
  [Symbol.dispose](): void {
    this.#broken ??= new Error("Cannot use a fleet that was ended");
    for (const child of this.#children) child.kill("SIGKILL");
  }

  #start(runtime: Runtime, { folders, jobs, size }: FleetSpec, worker: number | undefined): void {
    const spec: ProcessSpec = {
      coordinator: process.pid,
      folders,
      bytes: bytesFor(jobs),
      workers: size,
      worker,
    };
    const [path, ...args] = commandOf(runtime, ENTRY, JSON.stringify(spec));
    const child = spawn(path, args, { cwd: ROOT, env: environment(), detached: true });
    this.#children.push(child);
    let said = "";
    child.stdin.on("error", () => {}); // It died; its end says so.
    child.stderr.setEncoding("utf8").on("data", (text) => said = (said + text).slice(-2000));
    createInterface({ input: child.stdout }).on("line", (line) => {
      this.#receive(JSON.parse(line) as Answer);
    });
    const what = `${runtime.name}, one of ${size} that measure together,`;
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
    const timer = setTimeout(() => this.#break("Members did not answer in time"), TIMEOUT_MS);
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

/** What all will have answered; if that fails, it is told to whoever asks next. */
function answers(): PromiseWithResolvers<Answer[]> {
  const all = Promise.withResolvers<Answer[]>();
  all.promise.catch(() => {});
  return all;
}
