import type { Runtime } from "../src/host/runtimes.ts";
import { type Effort, leadOf } from "./effort.ts";
import { rowId, type RowKey } from "./results.ts";
import type { Site } from "./site.ts";
import { fleetStep, programStep, type Step, type Task } from "./steps.ts";
import type { Operation, Program, Subject } from "./subjects/subject.ts";

/** The conditions of a plan. */
export interface Setup {
  readonly runtimes: readonly Runtime[];
  readonly effort: Effort;
  readonly site: Site;
  /** Whether the machine has a rival, or what it needs, by the names in the versions of a run. */
  readonly has: (name: string) => boolean;
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
  const { runtimes, site } = setup;
  const single = subjects.flatMap((subject) => [
    ...runtimes.flatMap((runtime) =>
      tasksOf(subject, setup, runtime.name, "alone", 1)
        .map((task) => fleetStep([task], [runtime], site))
    ),
    ...programSteps(subject, setup),
  ]);
  const isAlone = ({ rows: [{ setting }] }: Step) => setting === "alone";
  const programs = single.filter((step) => !isAlone(step));
  return [...single.filter(isAlone), ...programs, ...fleetSteps(subjects, setup)];
}

/** What rivals need, if it has another name. */
const NEEDS: Readonly<Record<string, string>> = { c: "cc", python: "python3" };
const ALWAYS = ["interlock", "empty program", "navigator.locks", "postMessage"];

/** Whether a row can be measured, and is wanted. */
function isIn({ wants, has }: Setup): (row: RowKey) => boolean {
  return (row) =>
    (ALWAYS.includes(row.by) || has(NEEDS[row.by] ?? row.by)) &&
    (row.medium !== "redis" || has("redis-server")) &&
    (row.medium !== "file" || row.by !== "python" || has("fasteners")) && wants(row);
}

function programSteps({ name: subject, programs = [] }: Subject, setup: Setup): Step[] {
  const { runtimes, effort, site } = setup;
  return programs.flatMap((program) => {
    const { name: operation, by = "interlock", medium = "none", inEach } = program;
    return (inEach ? runtimes : runtimes.slice(0, 1)).flatMap((runtime) =>
      membersOf(program, effort).map(([setting, count]): RowKey => {
        const key = { subject, operation, by, ...inEach && { runtime: runtime.name }, medium };
        return { ...key, setting, count };
      }).filter(isIn(setup)).map((row) => programStep(row, program, runtime, effort, site))
    );
  });
}

function membersOf({ sizes = "alone" }: Program, effort: Effort): [RowKey["setting"], number][] {
  if (sizes === "alone") return [["alone", 1]];
  if (sizes === "pair") return [["processes", 2]];
  if (sizes === "threads") return [["workers", 2]];
  return sizes.filter((size) => effort.sizes.includes(size))
    .flatMap((size) => size === 1 ? [["alone", 1], ["processes", 1]] : [["processes", size]]);
}

/** A fleet for each kind of members and each number of them, with the tasks of all subjects. */
function fleetSteps(subjects: readonly Subject[], setup: Setup): Step[] {
  const { runtimes, effort, site } = setup;
  const sizes = [...new Set([...effort.sizes, 2])].sort((a, b) => a - b);
  const of = (name: RowKey["runtime"], members: readonly Runtime[], setting: RowKey["setting"]) =>
    (name === "mixed" ? MIXED_SIZES : sizes).flatMap((count) => {
      const tasks = subjects.flatMap((one) => tasksOf(one, setup, name, setting, count));
      return tasks.length === 0 ? [] : [fleetStep(tasks, members, site)];
    });
  return [
    ...runtimes.flatMap((runtime) => of(runtime.name, [runtime], "workers")),
    ...runtimes.flatMap((runtime) => of(runtime.name, [runtime], "processes")),
    ...runtimes.length > 1 ? of("mixed", runtimes, "processes") : [],
  ];
}

/** What so many members do of a subject. */
function tasksOf(
  { name: subject, operations = [] }: Subject,
  setup: Setup,
  runtime: RowKey["runtime"],
  setting: RowKey["setting"],
  count: number,
): Task[] {
  return operations.flatMap((one) => {
    const { name: operation, by = "interlock" } = one;
    const how = howOf(one, setting, count, setup.effort);
    if (how === undefined || one.runtimes?.includes(runtime!) === false) return [];
    return mediaOf(one, setting, setup.effort)
      .map((medium) => ({ subject, operation, by, runtime, medium, setting, count }))
      .filter(isIn(setup)).map((row) => ({ row, how }));
  });
}

/** How so many members at once are measured, if they are. */
function howOf(
  { relay, make, alone = true, sizes = [], processes }: Operation,
  setting: RowKey["setting"],
  count: number,
  effort: Effort,
): Task["how"] | undefined {
  if (setting === "alone") return alone && make ? { alone: effort.alone * 1e6 } : undefined;
  if (processes && setting === "workers") return undefined;
  if (sizes.includes(count) && effort.sizes.includes(count)) {
    return { lead: leadOf(count, effort) * 1e6, window: effort.window * 1e6 };
  }
  return relay && setting === "processes" && count === 2 ? { turns: effort.turns } : undefined;
}

/** Each medium alone, as far as there is time; workers share anonymous memory, processes a file. */
function mediaOf({ media }: Operation, setting: RowKey["setting"], { anonymous }: Effort) {
  if (setting === "alone") return anonymous ? media : media.slice(0, 1);
  const inMemory = setting === "processes" ? "mapped" : "anonymous";
  return [media.includes("mapped") ? inMemory : media[0]];
}
