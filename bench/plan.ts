import type { Runtime } from "../src/host/runtimes.ts";
import type { Effort } from "./effort.ts";
import { rowId, type RowKey } from "./results.ts";
import { has, type Rivals } from "./rivals.ts";
import type { Site } from "./site.ts";
import { fleetStep, programStep, type Step, type Task } from "./steps.ts";
import type { Operation, Program, Subject } from "./subjects/subject.ts";

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
export function wantedBy(filter = ""): Setup["wants"] {
  const pattern = new RegExp(filter, "i");
  return (row) => pattern.test(rowId(row));
}

/**
 * All steps of a round: first operations of one thread, next to the rivals of each; then operations
 * of several at once, in the same way.
 */
export function planOf(subjects: readonly Subject[], setup: Setup): Step[] {
  const single = subjects.flatMap((subject) => [
    ...aloneSteps(subject, setup),
    ...programSteps(subject, setup),
  ]);
  const isAlone = ({ rows: [{ setting }] }: Step) => setting === "alone";
  const together = single.filter((step) => !isAlone(step));
  return [...single.filter(isAlone), ...together, ...fleetSteps(subjects, setup)];
}

/** Whether a row can be measured, and is wanted. */
function isIn({ wants, rivals, hasRedis }: Setup): (row: RowKey) => boolean {
  return (row) => (row.medium !== "redis" || hasRedis) && has(rivals, row.by) && wants(row);
}

function aloneSteps({ name: subject, operations = [] }: Subject, setup: Setup): Step[] {
  const { runtimes, effort, site } = setup;
  return operations.filter(({ make, alone = true }) => alone && make !== undefined).flatMap((
    { name: operation, by = "interlock", media },
  ) =>
    media.slice(0, effort.anonymous ? undefined : 1).flatMap((medium) =>
      runtimes.flatMap((runtime) => {
        const key = { subject, operation, by, runtime: runtime.name, medium };
        return [{ ...key, setting: "alone", count: 1 } as const].filter(isIn(setup))
          .map((row) => fleetStep([{ row, how: "alone" }], [runtime], effort, site));
      })
    )
  );
}

function programSteps({ name: subject, programs = [] }: Subject, setup: Setup): Step[] {
  const { runtimes, rivals, effort, site } = setup;
  return programs.filter(({ needs }) => needs === undefined || has(rivals, needs)).flatMap(
    (program) => {
      const { name: operation, by = "interlock", medium = "none", inEach } = program;
      return (inEach ? runtimes : runtimes.slice(0, 1)).flatMap((runtime) =>
        membersOf(program, effort).map(([setting, count]): RowKey => {
          const key = { subject, operation, by, ...inEach && { runtime: runtime.name }, medium };
          return { ...key, setting, count };
        }).filter(isIn(setup)).map((row) => programStep(row, program, runtime, effort, site))
      );
    },
  );
}

function membersOf({ sizes = "alone" }: Program, effort: Effort): [RowKey["setting"], number][] {
  if (sizes === "alone") return [["alone", 1]];
  if (sizes === "pair") return [["processes", 2]];
  return sizes.filter((size) => effort.sizes.includes(size))
    .flatMap((size) => size === 1 ? [["alone", 1], ["processes", 1]] : [["processes", size]]);
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
  return groups.flatMap(([runtime, members, setting, sizes]) =>
    sizes.flatMap((count) => {
      const tasks = subjects.flatMap(({ name: subject, operations = [] }) =>
        operations.flatMap((one): Task[] => {
          const { name: operation, by = "interlock", media } = one;
          const how = howOf(one, setting, count, effort);
          const inMemory = setting === "processes" ? "mapped" : "anonymous";
          const medium = media.includes("mapped") ? inMemory : media[0];
          const row = { subject, operation, by, runtime, medium, setting, count };
          return how !== undefined && isIn(setup)(row) ? [{ row, how }] : [];
        })
      );
      return tasks.length === 0 ? [] : [fleetStep(tasks, members, effort, site)];
    })
  );
}

/** How so many members at once are measured, if they are. */
function howOf(
  { relay, sizes = [], processes }: Operation,
  setting: RowKey["setting"],
  count: number,
  effort: Effort,
): Task["how"] | undefined {
  if (processes && setting === "workers") return undefined;
  if (sizes.includes(count) && effort.sizes.includes(count)) return "window";
  return relay !== undefined && setting === "processes" && count === 2 ? "pair" : undefined;
}
