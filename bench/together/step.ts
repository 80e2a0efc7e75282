import { availableParallelism } from "node:os";
import type { Runtime } from "../../src/host/runtimes.ts";
import type { Effort } from "../effort.ts";
import type { RowKey } from "../results.ts";
import type { RunSite } from "../run_site.ts";
import { median } from "../statistics.ts";
import type { Figure, Step } from "../step.ts";
import { Fleet } from "./fleet.ts";
import type { Job, Report } from "./member.ts";
import { HOLD } from "./relay.ts";

/** The time to start a fleet and each of its members, in milliseconds. */
const START_MS = { fleet: 60, processes: 50, workers: 25 } as const;
/** The time to send a job to 8 members. */
const JOB_MS = 5;
/** The time of a member's warm-up. */
const WARM_MS = 6;
const MOST_LEADS = 16;

/** A row that a fleet measures. */
export interface Task {
  readonly row: RowKey;
  readonly how: "window" | "relay";
}

/** The lead of a fleet: the more members share a processor, the longer they take to warm up. */
export function leadOf(size: number, { lead }: Effort): number {
  const share = Math.ceil(size / availableParallelism());
  return lead * Math.min(share, MOST_LEADS);
}

function msOf({ how, row: { count } }: Task, effort: Effort): number {
  return JOB_MS * Math.ceil(count / 8) + WARM_MS * Math.ceil(count / availableParallelism()) +
    (how === "relay"
      ? effort.turns * (HOLD + 30_000) / 1e6
      : leadOf(count, effort) + effort.window);
}

function howOf({ how, row: { count } }: Task, effort: Effort): Job["how"] {
  if (how === "relay") return { turns: effort.turns };
  return { lead: leadOf(count, effort) * 1e6, window: effort.window * 1e6 };
}

/** The figure of one job's reports. Throws if the count differs from the operations done. */
function figureOf(reports: readonly Report[], { row }: Task, { window }: Effort): Figure {
  if (reports[0].samples !== undefined) {
    const samples = reports.flatMap(({ samples }) => samples!);
    return { ns: median(samples), samples };
  }
  const sum = (of: (report: Report) => number) => reports.reduce((all, one) => all + of(one), 0);
  const done = sum(({ count }) => count!.done);
  const total = reports[0].total ?? done;
  if (total !== done) {
    throw new Error(`"${row.operation}" was done ${done} times, but ${total} were counted`);
  }
  return { ns: window * 1e6 / sum(({ count }) => count!.inside) };
}

/** Makes the step that starts a fleet and lets it do its tasks, one after the other. */
export function fleetStep(
  tasks: readonly Task[],
  runtimes: readonly Runtime[],
  effort: Effort,
  site: RunSite,
): Step {
  const { setting, count: size } = tasks[0].row;
  if (setting === "alone") {
    throw new TypeError("Cannot start a fleet for an operation of one thread");
  }
  const start = START_MS.fleet + START_MS[setting] * size / availableParallelism();
  return {
    rows: tasks.map(({ row }) => row),
    ms: tasks.reduce((ms, task) => ms + msOf(task, effort), start),
    async measure(take, reverse, signal) {
      using own = site.make();
      const spec = { runtimes, setting, size, site: own, jobs: tasks.length };
      using fleet = await Fleet.start(spec, signal);
      for (const [index, task] of reverse ? [...tasks.entries()].reverse() : tasks.entries()) {
        const { subject, operation, by } = task.row;
        const row = { subject, operation, by };
        const reports = await fleet.do({ index, row, how: howOf(task, effort) });
        take(task.row, figureOf(reports, task, effort));
      }
    },
  };
}
