import type { Runtime } from "../src/host/runtimes.ts";
import type { Effort } from "./effort.ts";
import { rowId, type RowKey } from "./results.ts";
import { has, type Rivals } from "./rivals.ts";
import type { Site } from "./site.ts";
import { fleetStep, launchStep, programStep, type Step, type Task } from "./steps.ts";
import type { Operation, Subject } from "./subjects/subject.ts";

/** The conditions of a plan. */
export interface Setup {
  readonly runtimes: readonly Runtime[];
  /** `undefined`: all that there are. */
  readonly rivals: Rivals | undefined;
  readonly effort: Effort;
  readonly site: Site;
  /** Whether there is a Redis server. */
  readonly hasRedis: boolean;
  /** Whether a row is wanted. */
  readonly wants: (row: RowKey) => boolean;
}

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
  const { runtimes, effort, site, wants } = setup;
  return operations.flatMap((one) => {
    const { name: operation, by = "interlock", media, make, alone = true, minor = false } = one;
    if (make === undefined || !alone || isMissing(one, setup) || minor && !effort.minor) return [];
    const wanted = media.filter((medium) =>
      media.length === 1 || medium !== "anonymous" || effort.anonymous
    );
    return wanted.flatMap((medium) =>
      runtimes.flatMap((runtime) => {
        const key = { subject, operation, by, runtime: runtime.name, medium };
        const row: RowKey = { ...key, setting: "alone", count: 1 };
        return wants(row) ? [fleetStep([{ row, how: "alone" }], [runtime], effort, site)] : [];
      })
    );
  });
}

function launchSteps({ name: subject, launches = [] }: Subject, setup: Setup): Step[] {
  const { runtimes, effort, site, wants } = setup;
  return launches.flatMap((launch) => {
    const { name: operation, by = "interlock", medium = "none", processes, anyRuntime } = launch;
    if (isMissing({ by, media: [medium] }, setup)) return [];
    return (anyRuntime ? runtimes.slice(0, 1) : runtimes).flatMap((runtime) => {
      const row: RowKey = {
        subject,
        operation,
        by,
        ...!anyRuntime && { runtime: runtime.name },
        medium,
        setting: processes === undefined ? "alone" : "processes",
        count: processes ?? 1,
      };
      return wants(row) ? [launchStep(row, launch, runtime, effort, site)] : [];
    });
  });
}

function programSteps({ name: subject, programs = [] }: Subject, setup: Setup): Step[] {
  const { rivals, effort, site, wants } = setup;
  return programs.flatMap((program) => {
    const { by, name: operation, medium, sizes, needs = by } = program;
    if (!has(rivals, needs)) return [];
    const key = { subject, operation, by, medium };
    const alone: RowKey = { ...key, setting: "alone", count: 1 };
    const together = (count: number): RowKey => ({ ...key, setting: "processes", count });
    const rows = sizes === "alone" ? [alone] : sizes === "relay" ? [together(2)] : sizes
      .filter((size) => effort.sizes.includes(size))
      .flatMap((count) => count === 1 ? [alone, together(1)] : [together(count)]);
    const command = rivals?.commands[by] ?? [];
    return rows.filter(wants).map((row) => programStep(row, program, command, effort, site));
  });
}

type Group = [RowKey["runtime"], readonly Runtime[], RowKey["setting"], readonly number[]];

function fleetSteps(subjects: readonly Subject[], setup: Setup): Step[] {
  const { runtimes, effort, site } = setup;
  const sizes = [...new Set([...effort.sizes, 2])].sort((a, b) => a - b);
  const groups: Group[] = [
    ...(["workers", "processes"] as const).flatMap((setting) =>
      runtimes.map((runtime): Group => [runtime.name, [runtime], setting, sizes])
    ),
    ["mixed", runtimes, "processes", runtimes.length > 1 ? MIXED_SIZES : []],
  ];
  return groups.flatMap(([name, members, setting, sizes]) =>
    sizes.flatMap((size) => {
      const key = { runtime: name, setting, count: size } as const;
      const tasks = subjects.flatMap((subject) => tasksOf(subject, key, setup));
      return tasks.length === 0 ? [] : [fleetStep(tasks, members, effort, site)];
    })
  );
}

function tasksOf(
  { name: subject, operations = [] }: Subject,
  key: Pick<RowKey, "runtime" | "setting" | "count">,
  setup: Setup,
): Task[] {
  const { setting, count } = key;
  const { effort, wants } = setup;
  return operations.flatMap((one): Task[] => {
    const { name: operation, by = "interlock", media, relay, sizes = [], processes } = one;
    const row: RowKey = { subject, operation, by, medium: mediumOf(media, setting), ...key };
    const isWindow = sizes.includes(count) && effort.sizes.includes(count) &&
      !(processes && setting === "workers");
    const isRelay = relay !== undefined && setting === "processes" && count === 2;
    if (!(isWindow || isRelay) || isMissing(one, setup) || !wants(row)) return [];
    return [{ row, how: isWindow ? "window" : "relay" }];
  });
}

/** Whether the server or the rival of an operation is missing. */
function isMissing(
  { media, by = "interlock" }: Pick<Operation, "media" | "by">,
  { hasRedis, rivals }: Setup,
): boolean {
  return media[0] === "redis" && !hasRedis || !has(rivals, by);
}

/** The medium that the members of a fleet share. */
function mediumOf(media: Operation["media"], setting: RowKey["setting"]): RowKey["medium"] {
  if (!media.includes("mapped")) return media[0];
  return setting === "processes" ? "mapped" : "anonymous";
}
