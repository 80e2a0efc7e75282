import { availableParallelism } from "node:os";
import type { Runtime } from "../src/host/runtimes.ts";
import type { Effort } from "./effort.ts";
import { Fleet } from "./fleet/fleet.ts";
import type { Job, Report } from "./fleet/jobs.ts";
import { HOLD } from "./fleet/relay.ts";
import { launch } from "./launch.ts";
import type { RowKey } from "./results.ts";
import { makeSite, type Site } from "./site.ts";
import { median } from "./statistics.ts";
import type { Launch, Program } from "./subjects/subject.ts";

/** The result of one measurement of a row. */
export interface Figure {
  /** Nanoseconds per operation. */
  readonly ns: number;
  /** The times of single operations in nanoseconds, if each was timed. */
  readonly samples?: readonly number[];
}

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
export interface Task {
  readonly row: RowKey;
  readonly how: "alone" | "window" | "relay";
}

/** Estimated times in milliseconds: to start programs, for a job of 8 members, for a warm-up. */
const MS = {
  alone: 100,
  fleet: 60,
  processes: 50,
  workers: 25,
  c: 5,
  python: 120,
  job: 5,
  warm: 6,
};
/** The time that mitata takes, divided by the requested processor time. */
const OVERHEAD = 1.6;
const MOST_LEADS = 16;

/** The lead of a fleet: the more members share a processor, the longer they take to warm up. */
function leadOf(size: number, { lead }: Effort): number {
  return lead * Math.min(Math.ceil(size / availableParallelism()), MOST_LEADS);
}

function relayMs({ turns }: Effort): number {
  return turns * (HOLD + 30_000) / 1e6;
}

function msOf({ how, row: { count } }: Task, effort: Effort): number {
  if (how === "alone") return OVERHEAD * effort.alone;
  return MS.job * Math.ceil(count / 8) + MS.warm * Math.ceil(count / availableParallelism()) +
    (how === "relay" ? relayMs(effort) : leadOf(count, effort) + effort.window);
}

function howOf({ how, row: { count } }: Task, effort: Effort): Job["how"] {
  if (how === "alone") return { alone: effort.alone * 1e6 };
  if (how === "relay") return { turns: effort.turns };
  return { lead: leadOf(count, effort) * 1e6, window: effort.window * 1e6 };
}

/** The figure of one job's reports. Throws if the count differs from the operations done. */
function figureOf(reports: readonly Report[], { row }: Task, { window }: Effort): Figure {
  const [{ ns, samples, total }] = reports;
  if (ns !== undefined) return { ns, samples };
  if (samples !== undefined) {
    const all = reports.flatMap(({ samples }) => samples!);
    return { ns: median(all), samples: all };
  }
  const sum = (of: (report: Report) => number) => reports.reduce((all, one) => all + of(one), 0);
  const done = sum(({ count }) => count!.done);
  if (total !== undefined && total !== done) {
    throw new Error(`"${row.operation}" was done ${done} times, but ${total} were counted`);
  }
  return { ns: window * 1e6 / sum(({ count }) => count!.inside) };
}

/**
 * Makes the step that starts a fleet and lets it do its tasks, one after the other. An operation
 * alone gets a fleet of one process of its own, since an engine optimizes for all code that has run
 * in it.
 */
export function fleetStep(
  tasks: readonly Task[],
  runtimes: readonly Runtime[],
  effort: Effort,
  site: Site,
): Step {
  const [{ how, row: { by, medium, setting, count: size } }] = tasks;
  const start = setting === "alone"
    ? MS.alone
    : MS.fleet + MS[setting] * size / availableParallelism();
  const threads = setting === "workers";
  const mapped = how === "alone" ? medium === "mapped" : true;
  return {
    rows: tasks.map(({ row }) => row),
    ms: tasks.reduce((ms, task) => ms + msOf(task, effort), start),
    todo: by === "interlock" ? undefined : `see ${by} in the other runtimes`,
    async measure(take, reverse, signal) {
      using own = makeSite(site);
      const spec = { runtimes, threads, size, site: own, jobs: tasks.length, mapped };
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

/** Makes the step that measures an operation with a program in C or Python. */
export function programStep(
  row: RowKey,
  { by, program, sizes, fast = false }: Program,
  command: readonly string[],
  effort: Effort,
  site: Site,
): Step {
  const relay = sizes === "relay";
  const lead = leadOf(row.count, effort);
  const args = relay
    ? ["relay", program, effort.turns, HOLD]
    : ["window", program, row.count, lead * 1e6, effort.window * 1e6];
  return {
    rows: [row],
    ms: MS[by] + (relay ? relayMs(effort) : lead + effort.window),
    async measure(take, _reverse, signal) {
      using own = makeSite(site);
      const folder = fast ? own.fast : own.temporary;
      const out = await launch([...command, ...args.map(String), folder], { signal });
      const { ns, samples } = JSON.parse(out) as Partial<Figure>;
      take(row, { ns: ns ?? median(samples!), samples });
    },
  };
}

/** Makes the step that starts programs and times them from outside. */
export function launchStep(
  row: RowKey,
  { ms, oncePerRound = false, measure }: Launch,
  runtime: Runtime,
  { launches }: Effort,
  site: Site,
): Step {
  const times = oncePerRound ? 1 : launches;
  return {
    rows: [row],
    ms: ms * times,
    async measure(take, _reverse, signal) {
      const all: (number | number[])[] = [];
      for (let i = 0; i < times; i++) {
        signal.throwIfAborted();
        all.push(await measure(runtime, site));
      }
      const samples = all.flat();
      take(row, { ns: median(samples), ...oncePerRound && { samples } });
    },
  };
}
