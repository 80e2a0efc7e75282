import type { Effort } from "./effort.ts";
import { load, machineOf } from "./machine.ts";
import { durationOf, planOf, wantedBy } from "./plan.ts";
import type { Results, Verdict } from "./results.ts";
import { EVERYTHING, findRivals, type Rivals } from "./rivals/mod.ts";
import { measureRounds, type Observer } from "./rounds.ts";
import { RunFolders } from "./run_folders.ts";
import { noiseOf } from "./statistics.ts";
import type { Step } from "./step.ts";
import { SUBJECTS } from "./subjects/mod.ts";
import { verdictsOf } from "./verdicts.ts";
import { findRuntimes, type Runtime, RuntimeError } from "../src/counting/runtimes.ts";
import type { RuntimeName } from "../src/runtime/port.ts";

/** What a run measures, and how long. */
export interface MeasureOptions {
  readonly mode: Results["mode"];
  readonly effort: Effort;
  readonly filter: string | undefined;
  readonly runtimes: readonly RuntimeName[];
}

/** What a run is about to do. */
export interface Prospect {
  readonly runtimes: readonly Runtime[];
  readonly rivals: Rivals;
  readonly steps: readonly Step[];
  /** In milliseconds. */
  readonly planned: number;
}

/** The runtimes that are to be had, and a word on each that is not. */
async function runtimesToBeHad(
  names: readonly RuntimeName[],
  signal: AbortSignal,
): Promise<[Runtime[], Results["missing"]]> {
  const missing: Results["missing"] = [];
  const found = await Promise.all(names.map(async (name) => {
    try {
      return await findRuntimes([name], signal);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      missing.push({ what: `${name}: ${error.message}`, todo: `install ${name}` });
      return [];
    }
  }));
  return [found.flat(), missing];
}

/**
 * Makes a plan and, unless `observe` returns nothing for it, measures it.
 *
 * @throws {RangeError} If there is nothing to measure.
 */
export async function measure(
  { mode, effort, filter, runtimes: names }: MeasureOptions,
  signal: AbortSignal,
  observe: (prospect: Prospect) => Observer | undefined,
): Promise<Results | undefined> {
  const when = new Date().toISOString();
  const before = load();
  const began = performance.now();
  using folders = new RunFolders();
  const [runtimes, absent] = await runtimesToBeHad(names, signal);
  const setup = { runtimes, effort, folders, wants: wantedBy(filter) };
  const dream = planOf(SUBJECTS, { ...setup, rivals: EVERYTHING });
  if (dream.length === 0) throw new RangeError(`Cannot measure: no row matches "${filter}"`);
  const wanted = new Set(dream.flatMap(({ rows }) => rows.map(({ by }) => by)));
  const rivals = await findRivals(wanted, folders);
  const steps = planOf(SUBJECTS, { ...setup, rivals });
  const planned = durationOf(steps, effort);
  const observer = observe({ runtimes, rivals, steps, planned });
  if (observer === undefined) return undefined;

  const { rows, missing } = await measureRounds(steps, effort.rounds, signal, observer);
  const goals: Verdict[] = verdictsOf(SUBJECTS, rows);
  return {
    version: 2,
    when,
    wallSeconds: (performance.now() - began) / 1000,
    mode,
    ...filter !== undefined && { filter },
    rounds: effort.rounds,
    machine: machineOf(folders, before, noiseOf(rows)),
    versions: {
      ...Object.fromEntries(runtimes.map(({ name, version }) => [name, version])),
      ...rivals.versions,
    },
    missing: [...absent, ...rivals.missing, ...missing],
    rows,
    goals,
  };
}
