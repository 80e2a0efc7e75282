import type { Runtime } from "../src/counting/runtimes.ts";
import { aloneStep } from "./alone/step.ts";
import type { Effort } from "./effort.ts";
import { launchStep } from "./launched/step.ts";
import { rowId, type RowKey } from "./results.ts";
import { programStep } from "./rivals/programs.ts";
import type { Rivals } from "./rivals/mod.ts";
import type { RunFolders } from "./run_folders.ts";
import type { Step } from "./step.ts";
import type { Operation, Subject } from "./subjects/subject.ts";
import { fleetStep, type Task } from "./together/step.ts";

/** What a plan is made for. */
export interface Setup {
  readonly runtimes: readonly Runtime[];
  readonly rivals: Rivals;
  readonly effort: Effort;
  readonly folders: RunFolders;
  /** Which rows are wanted. */
  readonly wants: (row: RowKey) => boolean;
}

type Setting = "workers" | "processes";

/** Of how many processes a fleet of all runtimes together consists. */
const MIXED_SIZES = [4, 16];

/** The wanted rows of `--filter`: those whose id it is found in; a regular expression. */
export function wantedBy(filter: string | undefined): Setup["wants"] {
  if (filter === undefined) return () => true;
  const pattern = new RegExp(filter, "i");
  return (row) => pattern.test(rowId(row));
}

/** All steps of a round: first what one does alone, then others, then what several do at once. */
export function planOf(subjects: readonly Subject[], setup: Setup): Step[] {
  return [
    ...subjects.flatMap((subject) => [
      ...aloneSteps(subject, setup),
      ...launchSteps(subject, setup),
      ...programSteps(subject, setup),
    ]),
    ...fleetSteps(subjects, setup),
  ];
}

/** About how long a run of the plan takes, in milliseconds. */
export function durationOf(steps: readonly Step[], { rounds }: Effort): number {
  return rounds * steps.reduce((sum, { ms }) => sum + ms, 0);
}

function aloneSteps({ name: subject, operations = [] }: Subject, setup: Setup): Step[] {
  const { runtimes, rivals, effort, folders, wants } = setup;
  return operations.flatMap(({ name: operation, by = "interlock", media, once }) => {
    if (once === undefined) return [];
    if (by !== "interlock" && rivals.packages === undefined) return [];
    const isSpared = (medium: string) => medium === "anonymous" && !effort.anonymous;
    const wanted = media.length === 1 ? media : media.filter((medium) => !isSpared(medium));
    return wanted.flatMap((medium) =>
      runtimes.flatMap((runtime) => {
        const { name } = runtime;
        const row: RowKey = {
          subject,
          operation,
          by,
          runtime: name,
          medium,
          setting: "alone",
          count: 1,
        };
        return wants(row) ? [aloneStep(row, runtime, effort, folders, rivals.packages)] : [];
      })
    );
  });
}

function launchSteps({ name: subject, launches = [] }: Subject, setup: Setup): Step[] {
  const { runtimes, rivals, effort, wants } = setup;
  return launches.flatMap((launch) => {
    const { name: operation, by = "interlock", medium = "none", setting, count, anyRuntime } =
      launch;
    if (by === "flock" && rivals.versions.flock === undefined) return [];
    return (anyRuntime ? runtimes.slice(0, 1) : runtimes).flatMap((runtime) => {
      const row: RowKey = {
        subject,
        operation,
        by,
        ...!anyRuntime && { runtime: runtime.name },
        medium,
        setting,
        count,
      };
      return wants(row) ? [launchStep(row, launch, runtime, effort)] : [];
    });
  });
}

function programSteps({ name: subject, programs = [] }: Subject, setup: Setup): Step[] {
  const { rivals, effort, folders, wants } = setup;
  return programs.flatMap((program) => {
    const { by, name: operation, medium, sizes, needs = by === "c" ? "cc" : "python3" } = program;
    const binary = rivals[by];
    if (binary?.versions[needs] === undefined) return [];
    const key = { subject, operation, by, medium };
    const rows: RowKey[] = sizes === "relay"
      ? [{ ...key, setting: "processes", count: 2 }]
      : sizes.filter((size) => effort.sizes.includes(size)).flatMap((count) => [
        ...count === 1 ? [{ ...key, setting: "alone", count } as const] : [],
        { ...key, setting: "processes", count } as const,
      ]);
    return rows.filter(wants).map((row) => programStep(row, program, binary, effort, folders));
  });
}

function fleetSteps(subjects: readonly Subject[], setup: Setup): Step[] {
  const { runtimes, effort, folders } = setup;
  const crews: [RowKey["runtime"], readonly Runtime[], Setting, readonly number[]][] = [
    ...(["workers", "processes"] as const).flatMap((setting) =>
      runtimes.map((runtime): typeof crews[number] => {
        return [runtime.name, [runtime], setting, [...new Set([...effort.sizes, 2])]];
      })
    ),
    ["mixed", runtimes, "processes", runtimes.length > 1 ? MIXED_SIZES : []],
  ];
  return crews.flatMap(([name, crew, setting, sizes]) =>
    sizes.toSorted((a, b) => a - b).flatMap((size) => {
      const tasks = subjects.flatMap((subject) => tasksOf(subject, name, setting, size, setup));
      return tasks.length === 0 ? [] : [fleetStep(tasks, crew, effort, folders)];
    })
  );
}

function tasksOf(
  { name: subject, operations = [] }: Subject,
  runtime: RowKey["runtime"],
  setting: Setting,
  count: number,
  { effort, wants }: Setup,
): Task[] {
  return operations.flatMap((operation) => {
    const { name, by = "interlock", media, many, relay, sizes = effort.sizes, processes } =
      operation;
    const row: RowKey = {
      subject,
      operation: name,
      by,
      runtime,
      medium: mediumOf(media, setting),
      setting,
      count,
    };
    const isWindow = many !== undefined && sizes.includes(count) && effort.sizes.includes(count) &&
      !(processes && setting === "workers");
    const isRelay = relay !== undefined && setting === "processes" && count === 2;
    if (!(isWindow || isRelay) || !wants(row)) return [];
    return [{ row, how: isWindow ? "window" : "relay" }];
  });
}

/** The memory that those of a fleet share; what lies elsewhere lies there for all. */
function mediumOf(media: Operation["media"], setting: Setting): RowKey["medium"] {
  if (!media.includes("mapped")) return media[0];
  return setting === "processes" ? "mapped" : "anonymous";
}
