import { availableParallelism } from "node:os";
import type { Runtime } from "../src/host/runtimes.ts";
import { type Effort, relayMs } from "./effort.ts";
import { startFleet } from "./fleet/fleet.ts";
import type { Job, Report } from "./fleet/jobs.ts";
import type { RowKey } from "./results.ts";
import { makeSite, type Site } from "./site.ts";
import type { Figure, Program } from "./subjects/subject.ts";

/** A measurement that is made once per round: of one row, or of all rows of one fleet. */
export interface Step {
  readonly rows: readonly RowKey[];
  /** The estimated time in milliseconds. */
  readonly ms: number;
  /** What to do if it fails. Set for rivals only: the run then goes on without it. */
  readonly todo?: string;
  /** Measures its rows, in reverse order if `reverse`; calls `take` with each figure. */
  measure(
    take: (row: RowKey, figure: Figure) => void,
    reverse: boolean,
    signal: AbortSignal,
  ): Promise<void>;
}

/** A row that a fleet measures. */
export type Task = Pick<Job, "how"> & { readonly row: RowKey };

/** Estimated times in milliseconds: to start a fleet, each of its members, and a job of one. */
const MS = { fleet: 80, processes: 50, workers: 25, alone: 0, job: 7 };
/** The time that mitata takes, divided by the requested processor time. */
const OVERHEAD = 1.6;

function msOf({ how, row: { count } }: Task): number {
  if ("alone" in how) return OVERHEAD * how.alone / 1e6;
  const ms = "turns" in how ? relayMs(how.turns) : (how.lead + how.window) / 1e6;
  return MS.job * Math.ceil(count / availableParallelism()) + ms;
}

/** The figure of one job's reports. Throws if the count differs from the operations done. */
function figureOf(reports: readonly Report[], { row, how }: Task): Figure {
  const [first] = reports;
  if ("alone" in how) return first;
  if ("turns" in how) return { samples: reports.flatMap(({ samples }) => samples!) };
  const sum = (of: (report: Report) => number) => reports.reduce((all, one) => all + of(one), 0);
  const done = sum(({ count }) => count!.done);
  if (first.total !== undefined && first.total !== done) {
    throw new Error(`"${row.operation}" was done ${done} times, but ${first.total} were counted`);
  }
  return { ns: how.window / sum(({ count }) => count!.inside) };
}

/**
 * Makes the step that starts a fleet and lets it do its tasks, one after the other. An operation
 * alone gets a fleet of one process of its own, since an engine optimizes for all code that has run
 * in it.
 */
export function fleetStep(
  tasks: readonly Task[],
  runtimes: readonly Runtime[],
  site: Site,
): Step {
  const [{ row: { by, medium, setting, count: size } }] = tasks;
  const start = MS.fleet + MS[setting] * size / availableParallelism();
  const mapped = setting !== "alone" || medium === "mapped";
  return {
    rows: tasks.map(({ row }) => row),
    ms: tasks.reduce((ms, task) => ms + msOf(task), start),
    todo: by === "interlock" ? undefined : `see ${by} in the other runtimes`,
    async measure(take, reverse, signal) {
      using own = makeSite(site);
      const threads = setting === "workers";
      const spec = { runtimes, threads, size, site: own, jobs: tasks.length, mapped };
      using fleet = await startFleet(spec, signal);
      const all = [...tasks.entries()];
      for (const [index, task] of reverse ? all.reverse() : all) {
        take(task.row, figureOf(await fleet.do({ index, ...task }), task));
      }
    },
  };
}

/** Makes the step that measures an operation by starting programs. */
export function programStep(
  row: RowKey,
  program: Program,
  runtime: Runtime,
  effort: Effort,
  site: Site,
): Step {
  return {
    rows: [row],
    ms: program.ms(effort, row.count),
    async measure(take, _reverse, signal) {
      using own = makeSite(site);
      take(row, await program.measure({ row, runtime, effort, site: own, signal }));
    },
  };
}
