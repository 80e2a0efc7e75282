import process from "node:process";
import { type Child, Children, nextOf } from "../../src/host/children.ts";
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
export interface Fleet extends Disposable {
  /** Lets all members do a job; resolves to their reports, by number. */
  do(job: Job): Promise<Report[]>;
}

/** Starts a fleet, which the signal breaks; resolves when all its members are ready. */
export async function startFleet(
  { runtimes, threads, size, ...shared }: FleetSpec,
  signal: AbortSignal,
): Promise<Fleet> {
  const children = new Children(signal);
  const start = (runtime: Runtime, worker: number | undefined): Child<Answer> => {
    const spec: ProcessSpec = { coordinator: process.pid, workers: size, worker, ...shared };
    return children.start({
      runtime,
      what: `one of ${size} members`,
      program: MEMBER,
      imports: true,
      args: [JSON.stringify(spec)],
      duty: "been disposed of",
    });
  };
  /** The process of each member. */
  const hosts = threads
    ? Array<Child<Answer>>(size).fill(start(runtimes[0], undefined))
    : Array.from({ length: size }, (_, i) => start(runtimes[i % runtimes.length], i));

  /** The next answer of each member. */
  async function next(): Promise<Answer[]> {
    const timeout = Promise.withResolvers<never>();
    const late = new Error(`Members did not answer in ${TIMEOUT_MS / 1000} s`);
    const timer = setTimeout(() => timeout.reject(late), TIMEOUT_MS);
    const answers = await Promise.race([nextOf(hosts), timeout.promise])
      .finally(() => clearTimeout(timer));
    return answers.toSorted((one, other) => one.worker - other.worker);
  }

  await next().catch((error) => {
    children[Symbol.dispose]();
    throw error;
  });
  return {
    async do(job) {
      const answers = next();
      children.tell(JSON.stringify(job));
      return (await answers).map(({ report }) => report!);
    },
    [Symbol.dispose]: () => children[Symbol.dispose](),
  };
}
