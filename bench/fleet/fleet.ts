import process from "node:process";
import type { Child } from "../../src/host/child.ts";
import { ChildError, Children } from "../../src/host/children.ts";
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
  let take: (answer: Answer) => void;

  /** The next answer of each member. */
  async function next(): Promise<Answer[]> {
    const all = Promise.withResolvers<Answer[]>();
    const answers: Answer[] = [];
    take = (answer) => {
      answers[answer.worker] = answer;
      if (Object.keys(answers).length === size) all.resolve(answers);
    };
    const late = new Error(`Members did not answer in ${TIMEOUT_MS / 1000} s`);
    const timer = setTimeout(() => children.fail(late), TIMEOUT_MS);
    return await children.orFailure(all.promise).finally(() => clearTimeout(timer));
  }

  function start(runtime: Runtime, worker: number | undefined): void {
    const spec: ProcessSpec = { coordinator: process.pid, workers: size, worker, ...shared };
    const child: Child = children.start<Answer>({
      runtime,
      what: `one of ${size} members`,
      program: MEMBER,
      imports: true,
      args: [JSON.stringify(spec)],
      receive(answer) {
        if (answer.failed === undefined) take(answer);
        else children.fail(new ChildError(`${child.name}: ${answer.failed}`));
      },
    }, "been disposed of");
  }

  const ready = next();
  if (threads) start(runtimes[0], undefined);
  else for (let i = 0; i < size; i++) start(runtimes[i % runtimes.length], i);
  await ready.catch((error) => {
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
