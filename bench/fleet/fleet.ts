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
export interface Fleet extends Disposable {
  /** Lets all members do a job; resolves to their reports, by number. */
  do(job: Job): Promise<Report[]>;
}

/** Starts a fleet, which the signal breaks; resolves when all its members are ready. */
export async function startFleet(
  { runtimes, threads, size, ...shared }: FleetSpec,
  signal: AbortSignal,
): Promise<Fleet> {
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {}); // It also breaks while nothing waits for it.
  let take: (answer: Answer) => void;

  function start(i: number): Child {
    const worker = threads ? undefined : i;
    const spec: ProcessSpec = { coordinator: process.pid, workers: size, worker, ...shared };
    const child = new Child<Answer>({
      runtime: runtimes[i % runtimes.length],
      what: `one of ${size} members`,
      program: MEMBER,
      args: [JSON.stringify(spec)],
      imports: true,
      receive(answer) {
        if (answer.failed === undefined) take(answer);
        else broken.reject(new Error(`${child.name}: ${answer.failed}`));
      },
    });
    void child.ended.then((end) =>
      broken.reject(new Error(`${child.name} ${describeEnd(end, "been disposed of")}`))
    );
    return child;
  }

  /** The next answer of each member. */
  async function next(): Promise<Answer[]> {
    const all = Promise.withResolvers<Answer[]>();
    const answers: Answer[] = [];
    take = (answer) => {
      answers[answer.worker] = answer;
      if (Object.keys(answers).length === size) all.resolve(answers);
    };
    const late = new Error(`Members did not answer in ${TIMEOUT_MS / 1000} s`);
    const timer = setTimeout(() => broken.reject(late), TIMEOUT_MS);
    try {
      return await Promise.race([all.promise, broken.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  const ready = next();
  const children = Array.from({ length: threads ? 1 : size }, (_, i) => start(i));
  const kill = () => {
    for (const child of children) child.kill();
  };
  signal.addEventListener("abort", () => broken.reject(signal.reason));
  await ready.catch((error) => {
    kill();
    throw error;
  });
  return {
    async do(job) {
      const answers = next();
      for (const child of children) child.tell(JSON.stringify(job));
      return (await answers).map(({ report }) => report!);
    },
    [Symbol.dispose]: kill,
  };
}
