import type { Runtime } from "../src/host/runtimes.ts";
import { aloneStep } from "./alone/step.ts";
import type { Effort } from "./effort.ts";
import { launchStep } from "./launched/step.ts";
import { rowId, type RowKey } from "./results.ts";
import type { Rivals } from "./rivals/mod.ts";
import { PACKAGES } from "./rivals/npm.ts";
import { programStep } from "./rivals/programs.ts";
import type { RunSite } from "./run_site.ts";
import type { Step } from "./step.ts";
import type { Operation, Subject } from "./subjects/subject.ts";
import { fleetStep, type Task } from "./together/step.ts";

/** The conditions of a plan. */
export interface Setup {
  readonly runtimes: readonly Runtime[];
  readonly rivals: Rivals;
  readonly effort: Effort;
  readonly site: RunSite;
  /** Whether there is a Redis server. */
  readonly hasRedis: boolean;
  /** Whether a row is wanted. */
  readonly wants: (row: RowKey) => boolean;
}

/** Rivals that are commands. */
const COMMANDS = ["flock", "redis-benchmark"];

type Setting = "workers" | "processes";

/** The sizes of a fleet that mixes all runtimes. */
const MIXED_SIZES = [4, 16];

/** The condition for rows of `--filter`, a regular expression that is searched in their ids. */
export function wantedBy(filter: string | undefined): Setup["wants"] {
  if (filter === undefined) return () => true;
  const pattern = new RegExp(filter, "i");
  return (row) => pattern.test(rowId(row));
}

/**
 * All steps of a round: first operations of one thread, next to the rivals of each; then operations
 * of several at once, in the same way.
 */
export function planOf(subjects: readonly Subject[], setup: Setup): Step[] {
  const programs = subjects.map((subject) => programSteps(subject, setup));
  const isAlone = ({ rows: [{ setting }] }: Step) => setting === "alone";
  return [
    ...subjects.flatMap((subject, i) => [
      ...aloneSteps(subject, setup),
      ...launchSteps(subject, setup),
      ...programs[i].filter(isAlone),
    ]),
    ...programs.flat().filter((step) => !isAlone(step)),
    ...fleetSteps(subjects, setup),
  ];
}

/** Estimates how long a run takes, in milliseconds. */
export function durationOf(steps: readonly Step[], { rounds }: Effort): number {
  return rounds * steps.reduce((sum, { ms }) => sum + ms, 0);
}

function aloneSteps({ name: subject, operations = [] }: Subject, setup: Setup): Step[] {
  const { runtimes, rivals, effort, site, wants } = setup;
  return operations.flatMap(
    ({ name: operation, by = "interlock", media, alone, minor = false }) => {
      if (alone === undefined || isMissing(media, setup) || (minor && !effort.minor)) return [];
      if (PACKAGES.includes(by) && rivals.packages === undefined) return [];
      const isSkipped = (medium: string) => medium === "anonymous" && !effort.anonymous;
      const wanted = media.length === 1 ? media : media.filter((medium) => !isSkipped(medium));
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
          return wants(row) ? [aloneStep(row, runtime, effort, site)] : [];
        })
      );
    },
  );
}

function launchSteps({ name: subject, launches = [] }: Subject, setup: Setup): Step[] {
  const { runtimes, rivals, effort, site, wants } = setup;
  return launches.flatMap((launch) => {
    const { name: operation, by = "interlock", medium = "none", setting, count, anyRuntime } =
      launch;
    if (COMMANDS.includes(by) && rivals.versions[by] === undefined) return [];
    if (isMissing([medium], setup)) return [];
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
      return wants(row) ? [launchStep(row, launch, runtime, effort, site)] : [];
    });
  });
}

function programSteps({ name: subject, programs = [] }: Subject, setup: Setup): Step[] {
  const { rivals, effort, site, wants } = setup;
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
    return rows.filter(wants).map((row) => programStep(row, program, binary, effort, site));
  });
}

function fleetSteps(subjects: readonly Subject[], setup: Setup): Step[] {
  const { runtimes, effort, site } = setup;
  const groups: [RowKey["runtime"], readonly Runtime[], Setting, readonly number[]][] = [
    ...(["workers", "processes"] as const).flatMap((setting) =>
      runtimes.map((runtime): typeof groups[number] => {
        return [runtime.name, [runtime], setting, [...new Set([...effort.sizes, 2])]];
      })
    ),
    ["mixed", runtimes, "processes", runtimes.length > 1 ? MIXED_SIZES : []],
  ];
  return groups.flatMap(([name, members, setting, sizes]) =>
    sizes.toSorted((a, b) => a - b).flatMap((size) => {
      const tasks = subjects.flatMap((subject) => tasksOf(subject, name, setting, size, setup));
      return tasks.length === 0 ? [] : [fleetStep(tasks, members, effort, site)];
    })
  );
}

function tasksOf(
  { name: subject, operations = [] }: Subject,
  runtime: RowKey["runtime"],
  setting: Setting,
  count: number,
  setup: Setup,
): Task[] {
  const { effort, wants } = setup;
  return operations.flatMap((operation) => {
    const { name, by = "interlock", media, together, relay, sizes = effort.sizes, processes } =
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
    const isWindow = together !== undefined && sizes.includes(count) &&
      effort.sizes.includes(count) &&
      !(processes && setting === "workers");
    const isRelay = relay !== undefined && setting === "processes" && count === 2;
    if (!(isWindow || isRelay) || isMissing(media, setup) || !wants(row)) return [];
    return [{ row, how: isWindow ? "window" : "relay" }];
  });
}

function isMissing(media: Operation["media"], { hasRedis }: Setup): boolean {
  return media[0] === "redis" && !hasRedis;
}

/** The medium that the members of a fleet share. */
function mediumOf(media: Operation["media"], setting: Setting): RowKey["medium"] {
  if (!media.includes("mapped")) return media[0];
  return setting === "processes" ? "mapped" : "anonymous";
}
