import Table from "cli-table3";
import colors from "./colors.ts";
import { describeOwner } from "../src/contract/owner.ts";
import type { InspectedCell } from "../src/memory/inspection.ts";
import type {
  InspectedHolder,
  InspectedLock,
  InspectedSemaphore,
  InspectedWaiter,
  RedisInspection,
} from "../src/redis/inspection.ts";

/** A segment and its contents. */
export interface SegmentView {
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
        key,
        value.toLocaleString("en"),
        expiresIn === undefined ? "never" : seconds(expiresIn),
      ]),
    ));
  } else if (counters !== undefined) {
    parts.push(`No counter matches ${counters}`);
  }
  if (locks.length === 0 && semaphores.length === 0) {
    parts.unshift("No lock or semaphore is in use");
  }
  if (idle > 0) {
    parts.push(`${idle} not in use (--all shows ${idle === 1 ? "it" : "them"})`);
  }
  for (const { key, error } of foreign) {
    parts.push(colors.yellow(`${key}: one of its keys holds something else (${error})`));
  }
  return parts.join("\n");
}

/** Formats the segments. */
export function segmentReport(segments: readonly SegmentView[]): string {
  if (segments.length === 0) return "No segments";
  const rows = segments.flatMap(({ name, size, cells, error }) => {
    const bytes = size.toLocaleString("en");
    if (error !== undefined) return [[name, bytes, colors.yellow(error), "", ""]];
    if (cells.length === 0) return [[name, bytes, "", "", ""]];
    return cells.map((cell, i) => [
      ...i === 0 ? [name, bytes] : ["", ""],
      cell.name,
      cell.kind,
      cell.owner === undefined ? "" : describeOwner(cell.owner),
    ]);
  });
  return table(["segment", "bytes", "name", "kind", "owner"], rows);
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
  return [name, shown, names.join("\n"), leases(holders), `${token ?? ""}`, waiting(waiters)];
}

function semaphoreRow(semaphore: InspectedSemaphore): string[] {
  const { name, permits, holders, token, waiters } = semaphore;
  const held = holders.reduce((sum, { permits = 0 }) => sum + permits, 0);
  return [
    name,
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

function waiting(waiters: readonly InspectedWaiter[]): string {
  if (waiters.length === 0) return "";
  return `${waiters.length}, since ${waiters[0].since.toISOString()}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} s`;
}

function table(head: string[], rows: string[][]): string {
  const made = new Table({ head, style: { head: [], border: [], compact: true } });
  made.push(...rows);
  return made.toString();
}
