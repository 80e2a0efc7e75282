import Table from "cli-table3";
import colors from "../src/host/colors.ts";
import { describeOwner } from "../src/contract/owner.ts";
import { printable } from "../src/contract/printable.ts";
import type { InspectedCell, InspectedSegment } from "../src/memory/inspection.ts";
import type {
  InspectedHolder,
  InspectedLock,
  InspectedSemaphore,
  InspectedWaiter,
  RedisInspection,
} from "../src/redis/inspection.ts";

/** A segment and its contents, as far as they could be read. */
export interface SegmentView extends Partial<Omit<InspectedSegment, "cells">> {
  readonly name: string;
  readonly size: number;
  readonly cells: readonly InspectedCell[];
  /** Why its contents could not be read. */
  readonly error?: string;
}

/** The contents of a server, and the number of unused locks and semaphores that are not shown. */
export type RedisView = RedisInspection & { readonly idle: number };

/** Formats the contents of a server. */
export function redisReport(found: RedisView, counters: string | undefined): string {
  const { locks, semaphores, foreign, idle } = found;
  const parts: string[] = [];
  if (locks.length > 0) {
    parts.push(
      table(["lock", "state", "holder", "lease left", "token", "waiting"], locks.map(row)),
    );
  }
  if (semaphores.length > 0) {
    const head = ["semaphore", "permits held", "holder", "lease left", "token", "waiting"];
    parts.push(table(head, semaphores.map(semaphoreRow)));
  }
  if (found.counters.length > 0) {
    parts.push(table(
      ["counter", "value", "expires in"],
      found.counters.map(({ key, value, expiresIn }) => [
        printable(key),
        value.toLocaleString("en"),
        expiresIn === undefined ? "never" : seconds(expiresIn),
      ]),
    ));
  } else if (counters !== undefined) {
    parts.push(`No counter matches ${printable(counters)}`);
  }
  if (locks.length === 0 && semaphores.length === 0) {
    parts.unshift("No lock or semaphore is in use");
  }
  if (idle > 0) {
    parts.push(`${idle} not in use (--all shows ${idle === 1 ? "it" : "them"})`);
  }
  for (const { key, error } of foreign) {
    const what = `${printable(key)}: one of its keys holds something else (${printable(error)})`;
    parts.push(colors.yellow(what));
  }
  return parts.join("\n");
}

/** Formats the segments. */
export function segmentReport(segments: readonly SegmentView[]): string {
  if (segments.length === 0) return "No segments";
  const rows = segments.flatMap((segment) => {
    const { name, size, cells, error } = segment;
    const first = [printable(name), size.toLocaleString("en"), openBy(segment)];
    if (error !== undefined) return [[...first, colors.yellow(printable(error)), "", "", ""]];
    if (cells.length === 0) return [[...first, "", "", "", ""]];
    return cells.map((cell, i) => [
      ...i === 0 ? first : ["", "", ""],
      printable(cell.name),
      cell.kind,
      ownerOf(cell),
      waiting(cell.waiters),
    ]);
  });
  return table(["segment", "bytes", "open by", "name", "kind", "owner", "waiting"], rows);
}

/** How many of the threads that have a segment open are named. */
const MOST_THREADS = 4;

function openBy({ slots, threads = [] }: SegmentView): string {
  const names = threads.map(({ owner, isGone }) =>
    `${describeOwner(owner)}${isGone ? colors.yellow(", dead") : ""}`
  );
  const more = names.length - MOST_THREADS;
  if (more > 0) names.splice(MOST_THREADS, more, `and ${more} more of ${slots?.limit} at most`);
  return names.join("\n");
}

function ownerOf({ owner, heldFor }: InspectedCell): string {
  if (owner === undefined) return "";
  const since = heldFor === undefined ? "" : `, for ${seconds(heldFor)} at least`;
  return `${describeOwner(owner)}${since}`;
}

function row({ name, state, holders, token, abandonedBy, waiters }: InspectedLock): string[] {
  const shown = state === "held"
    ? colors.green("held")
    : state === "shared"
    ? colors.green(`shared by ${holders.length}`)
    : abandonedBy === undefined
    ? "free"
    : colors.yellow("free, not released");
  const names = holders.length > 0
    ? holders.map(nameOf)
    : abandonedBy === undefined
    ? []
    : [`last: ${describeOwner(abandonedBy)}`];
  const lease = leases(holders);
  return [printable(name), shown, names.join("\n"), lease, `${token ?? ""}`, waiting(waiters)];
}

function semaphoreRow(semaphore: InspectedSemaphore): string[] {
  const { name, permits, holders, token, waiters } = semaphore;
  const held = holders.reduce((sum, { permits = 0 }) => sum + permits, 0);
  return [
    printable(name),
    `${held} of ${permits ?? "?"}`,
    holders.map(nameOf).join("\n"),
    leases(holders),
    `${token ?? ""}`,
    waiting(waiters),
  ];
}

function nameOf({ owner, permits }: InspectedHolder): string {
  const name = owner === undefined ? "unknown" : describeOwner(owner);
  return permits === undefined || permits === 1 ? name : `${name}, ${permits} permits`;
}

function leases(holders: readonly InspectedHolder[]): string {
  return holders.map(({ leaseLeft }) => seconds(leaseLeft)).join("\n");
}

function waiting(waiters: readonly Pick<InspectedWaiter, "since">[]): string {
  if (waiters.length === 0) return "";
  // A ticket that another program wrote may be no time.
  const since = new Date(waiters.reduce((min, { since }) => Math.min(min, +since), Infinity));
  return `${waiters.length}${isNaN(+since) ? "" : `, since ${since.toISOString()}`}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} s`;
}

function table(head: string[], rows: string[][]): string {
  const made = new Table({ head, style: { head: [], border: [], compact: true } });
  made.push(...rows);
  return made.toString();
}
