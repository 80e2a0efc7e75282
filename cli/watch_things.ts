import { describeOwner, type Owner } from "../src/contract/owner.ts";
import { printable } from "../src/contract/printable.ts";
import type { InspectedLockFile } from "../src/files/inspection.ts";
import type { InspectedHolder } from "../src/memory/inspected_kinds.ts";
import type {
  InspectedCell,
  InspectedRequest,
  InspectedThread,
  SegmentView,
} from "../src/memory/inspection.ts";
import type { RedisView } from "./inspect_table.ts";
import { isRedisView, type View } from "./inspect_view.ts";
import { elide } from "./text.ts";

/** A sentence, and the time at which what it says began, in milliseconds since 1970. */
export type Line = readonly [text: string, since?: number];

/** Something that a page shows, in words for people who are not developers. */
export interface Thing {
  /** The group to which it belongs. */
  readonly group: string;
  readonly name: string;
  readonly kind: string;
  /** A number; `sum` if it counts, so that its speed says more than its value. */
  readonly number?: number | bigint;
  readonly isSum?: boolean;
  /** What is shown in place of the number. */
  readonly text?: string;
  /** `bad` if a holder died, or left something half-written. */
  readonly tone: "bad" | "busy" | "calm";
  readonly state?: string;
  readonly isHeld: boolean;
  readonly waiting: number;
  readonly lines: readonly Line[];
}

/** A program that uses a group. */
export interface User {
  readonly who: string;
  readonly command: string;
  readonly isGone: boolean;
  readonly waits: readonly Line[];
}

/** A segment, a server, or the lock files. */
export interface Group {
  readonly id: string;
  readonly name: string;
  readonly detail: string;
  readonly problem?: string;
  readonly users: readonly User[];
}

/** All that a page can show. */
export interface Scene {
  readonly groups: readonly Group[];
  readonly things: readonly Thing[];
}

/** How many waiters, holders and programs are named. */
const [NAMED, USERS] = [4, 30];

/** The kinds of named things in words; another kind is shown as it is. */
const KINDS: Readonly<Record<string, string>> = {
  "mutex": "lock",
  "channel": "queue of messages",
  "barrier": "meeting point",
  "once": "value that is made once",
  "rwlock": "read-write lock",
  "value": "number with a lock",
  "raw": "number",
  "array": "list with a lock",
  "record": "record with a lock",
  "seqlock": "record with a lock",
  "striped": "counter",
};

const whole = new Intl.NumberFormat("en");

/** What was found, in words. */
export function sceneOf(view: View): Scene {
  if (isRedisView(view)) return { groups: [SERVER], things: thingsOfRedis(view) };
  const { segments, files = [] } = view;
  return {
    groups: [...segments.map(groupOf), ...files.length > 0 ? [FILES] : []],
    things: [
      ...segments.flatMap(thingsOf),
      ...segments.flatMap(thingsOfRequests),
      ...files.map(thingOfFile),
    ],
  };
}

const SERVER: Group = { id: "redis", name: "Redis server", detail: "Locks are leases", users: [] };
const FILES: Group = { id: "files", name: "Lock files", detail: "", users: [] };

function groupOf({ path, name, error, damage, slots, threads = [] }: SegmentView): Group {
  const dead = threads.filter(({ isGone }) => isGone).length;
  const used = slots === undefined ? "" : `${countOf(threads.length - dead, "thread")} ` +
    `${threads.length - dead === 1 ? "has" : "have"} it open` +
    (dead === 0 ? "" : `, ${dead} ended without closing it`);
  const problem = error ?? damage;
  const users = [...threads].sort((one, other) => Number(one.isGone) - Number(other.isGone));
  return {
    id: path,
    name: printable(name),
    detail: used,
    ...problem !== undefined && { problem: printable(problem) },
    users: users.slice(0, USERS).map((thread) => ({
      who: describeOwner(thread.owner),
      command: thread.command === undefined ? "" : elide(printable(thread.command), 120),
      isGone: thread.isGone,
      waits: thread.waits.map(({ name, kind, since }) => [
        name === undefined ? `a ${kind} without a name` : printable(name),
        +since,
      ]),
    })),
  };
}

function thingsOf({ path, cells = [], threads = [] }: SegmentView): Thing[] {
  const now = Date.now();
  const who = namesBy(threads);
  return cells.map((cell) => {
    const { name, kind, value, state, permits, waiters } = cell;
    const [first] = kind.split(" ", 1);
    const isNumber = typeof value === "number" || typeof value === "bigint";
    const used = permits && cell.holders!.reduce((sum, { permits = 0 }) => sum + permits, 0);
    return {
      group: path,
      name: printable(name),
      kind: kind.startsWith("raw array") ? "list" : KINDS[first] ?? printable(first),
      ...isNumber ? { number: value } : used !== undefined && { number: used },
      isSum: first === "counter" || first === "striped",
      ...textOf(cell, used),
      ...lockOf(cell, who, now),
      isHeld: state !== undefined && state !== "free",
      waiting: waiters.length,
      ...waiters.length > 0 && state === "free" && { state: "waited for" },
    };
  });
}

/** The locks of `segment.locks`: each name with the threads that hold it or wait. */
function thingsOfRequests({ path, requests = [], threads = [] }: SegmentView): Thing[] {
  const who = namesBy(threads);
  const byName = new Map<string, InspectedRequest[]>();
  for (const request of requests) {
    byName.set(request.name, [...byName.get(request.name) ?? [], request]);
  }
  return [...byName].map(([name, all]) => {
    const of = (wanted: InspectedRequest["state"]) => all.filter(({ state }) => state === wanted);
    const [dead, held, waiting] = [of("dead"), of("held"), of("waits")];
    const isShared = held.some(({ mode }) => mode === "shared");
    const namesOf = (some: readonly InspectedRequest[]) =>
      some.slice(0, NAMED).map(({ owner }) => who(owner));
    return {
      group: path,
      name: printable(name),
      kind: "lock by its name",
      tone: dead.length > 0 ? "bad" : "busy",
      state: dead.length > 0 ? "thread died" : isShared ? "shared" : "held",
      isHeld: held.length + dead.length > 0,
      waiting: waiting.length,
      lines: [
        ...namesOf(dead).map((one): Line => [`Its thread died: ${one}. The next one gets it.`]),
        ...namesOf(held).map((one): Line => [`${isShared ? "Shared" : "Held"} by ${one}`]),
        ...held.length > NAMED ? [[`and ${held.length - NAMED} more`] as const] : [],
        ...waitsOf(waiting.map(({ owner }) => [who(owner)])),
      ],
    };
  });
}

/** What is shown of a value that is not a plain number. */
function textOf({ kind, value }: InspectedCell, used: number | undefined): { text?: string } {
  if (used !== undefined) return { text: `${whole.format(used)} of ${kind.split(" ")[1]} in use` };
  if (value === undefined) return {};
  const [first, most] = kind.split(" ");
  if (first === "once") return { text: value ? "made" : "not made yet" };
  if (typeof value === "boolean") return { text: value ? "set" : "not set" };
  if (first === "latch") return { text: value === 0 ? "open" : `${value} left` };
  if (first === "barrier") return { text: `${value} of ${most} have arrived` };
  if (first === "channel") {
    return { text: `${whole.format(Number(value))} of ${whole.format(Number(most))} messages` };
  }
  if (!Array.isArray(value)) return {};
  return { text: value.join("; ") + (kind.endsWith(` ${value.length}`) ? "" : "; …") };
}

type Naming = (owner: Owner | undefined) => string;

/** Names a process by its number and the words of its command line that say most. */
function namesBy(threads: readonly InspectedThread[]): Naming {
  const commands = new Map(threads.map(({ owner, command }) => [owner.pid, command]));
  return (owner) => {
    if (owner === undefined) return "an unknown program";
    const command = commands.get(owner.pid);
    return command === undefined
      ? describeOwner(owner)
      : `${shortened(command)} (process ${owner.pid})`;
  };
}

/** A command line without options and folders. */
function shortened(command: string): string {
  const words = command.split(" ").filter((word) => word !== "" && !word.startsWith("-"));
  return elide(printable(words.map((word) => word.split("/").at(-1)).join(" ")), 60);
}

function lockOf(
  { state, holders = [], permits, heldFor, contents, diedOwner, waiters }: InspectedCell,
  who: Naming,
  now: number,
): Pick<Thing, "tone" | "state" | "lines"> {
  const lines: Line[] = [];
  const dead = holders.filter(({ isGone }) => isGone);
  for (const { owner, permits } of dead.slice(0, NAMED)) {
    lines.push([
      `Its holder died: ${who(owner)}. ${
        permits === undefined
          ? "The next one will recover it."
          : `The next ones get its ${countOf(permits, "permit")}.`
      }`,
    ]);
  }
  const living = holders.filter(({ isGone }) => !isGone);
  for (const [i, holder] of living.slice(0, NAMED).entries()) {
    const line = `${ROLES[holder.role ?? "holder"]} ${who(holder.owner)}${permitsOf(holder)}`;
    lines.push(i > 0 || heldFor === undefined ? [line] : [`${line}, for at least`, now - heldFor]);
  }
  if (living.length > NAMED) lines.push([`and ${living.length - NAMED} more`]);
  if (contents === "recovered") {
    lines.push([
      `A holder died: ${who(diedOwner)}. What the lock protects may be half-written.`,
    ]);
  } else if (contents === "inconsistent") {
    lines.push([`What the lock protects was marked as wrong by ${who(diedOwner)}.`]);
  }
  lines.push(...waitsOf(waiters.map(({ owner, since }) => [who(owner), +since])));
  const isBad = dead.length > 0 || (contents ?? "consistent") !== "consistent";
  const role = living.at(0)?.role;
  return {
    tone: isBad ? "bad" : living.length > 0 || waiters.length > 0 ? "busy" : "calm",
    ...state !== undefined && {
      state: dead.length > 0
        ? "holder died"
        : isBad
        ? "check the data"
        : role !== undefined
        ? STATES[role]
        : permits !== undefined && state === "held"
        ? "in use"
        : state,
    },
    lines,
  };
}

const ROLES = {
  holder: "Held by",
  reader: "Read by",
  writer: "Written by",
  "next writer": "Next to write:",
} as const;
const STATES = {
  reader: "being read",
  writer: "being written",
  "next writer": "being read",
} as const;

function permitsOf({ permits = 1 }: InspectedHolder): string {
  return permits === 1 ? "" : `, ${permits} permits`;
}

/** Sentences about waiters, the first ones by name. */
function waitsOf(waiters: readonly Line[]): Line[] {
  const lines = waiters.slice(0, NAMED).map(([who, since]): Line =>
    since === undefined || Number.isNaN(since) ? [`${who} waits`] : [`${who} has waited for`, since]
  );
  const more = waiters.length - NAMED;
  return more > 0 ? [...lines, [`and ${more} more ${more === 1 ? "waits" : "wait"}`]] : lines;
}

function thingOfFile(file: InspectedLockFile): Thing {
  const { path, state, holders, waiters, reason } = file;
  const isHeld = state === "held" || state === "shared";
  const names = (all: typeof holders) =>
    all.map(({ owner, command }) => {
      return command === undefined
        ? describeOwner(owner)
        : `${shortened(command)} (process ${owner.pid})`;
    });
  return {
    group: FILES.id,
    name: printable(path),
    kind: "lock file",
    tone: state === "dead" ? "bad" : isHeld || state === "unknown" ? "busy" : "calm",
    state: state === "dead" ? "holder died" : state,
    isHeld,
    waiting: waiters.length,
    lines: [
      ...names(holders).slice(0, NAMED).map((who): Line => [
        isHeld ? `Held by ${who}` : `Its last holder died: ${who}. The lock is free.`,
      ]),
      ...reason === undefined ? [] : [[printable(reason)] as const],
      ...waitsOf(names(waiters).map((who) => [who])),
    ],
  };
}

function thingsOfRedis({ locks, semaphores, counters, foreign }: RedisView): Thing[] {
  const held = (
    { holders, waiters }: RedisView["locks"][number] | RedisView["semaphores"][number],
  ): Line[] => [
    ...holders.slice(0, NAMED).map(({ owner, permits = 1 }): Line => [
      `Held by ${owner === undefined ? "an unknown program" : describeOwner(owner)}` +
      (permits === 1 ? "" : `, ${permits} permits`),
    ]),
    ...waitsOf(waiters.map(({ since }) => ["A client", +since])),
  ];
  return [
    ...locks.map((lock): Thing => ({
      group: SERVER.id,
      name: printable(lock.name),
      kind: "lock",
      tone: lock.abandonedBy !== undefined ? "bad" : lock.holders.length > 0 ? "busy" : "calm",
      state: lock.abandonedBy !== undefined ? "not released" : lock.state,
      isHeld: lock.holders.length > 0,
      waiting: lock.waiters.length,
      lines: [
        ...held(lock),
        ...lock.abandonedBy === undefined
          ? []
          : [[`Its lease ended: ${describeOwner(lock.abandonedBy)}. It is free.`] as const],
      ],
    })),
    ...semaphores.map((semaphore): Thing => {
      const used = semaphore.holders.reduce((sum, { permits = 0 }) => sum + permits, 0);
      return {
        group: SERVER.id,
        name: printable(semaphore.name),
        kind: "semaphore",
        number: used,
        text: `${used} of ${semaphore.permits ?? "?"} in use`,
        tone: used > 0 ? "busy" : "calm",
        isHeld: used > 0,
        waiting: semaphore.waiters.length,
        lines: held(semaphore),
      };
    }),
    ...counters.map(({ key, value }): Thing => ({
      group: SERVER.id,
      name: printable(key),
      kind: "counter",
      number: value,
      isSum: true,
      tone: "calm",
      isHeld: false,
      waiting: 0,
      lines: [],
    })),
    ...foreign.map(({ key, error }): Thing => ({
      group: SERVER.id,
      name: printable(key),
      kind: "unknown",
      tone: "bad",
      state: "cannot be read",
      isHeld: false,
      waiting: 0,
      lines: [[`One of its keys holds something else: ${printable(error)}`]],
    })),
  ];
}

/** A number with its unit: `1 lock`, `2 locks`. */
export function countOf(count: number, unit: string): string {
  return `${whole.format(count)} ${unit}${count === 1 ? "" : "s"}`;
}
