import colors from "../src/host/colors.ts";
import { grouped } from "../src/host/numbers.ts";
import { describeOwner, type Owner } from "../src/contract/owner.ts";
import { printable, quoteText } from "../src/contract/printable.ts";
import type { InspectedLockFile, InspectedProcess } from "../src/files/inspection.ts";
import type { InspectedHolder as InspectedHeld } from "../src/memory/inspected_kinds.ts";
import type {
  InspectedCell,
  InspectedRequest,
  InspectedThread,
  SegmentView,
} from "../src/memory/inspection.ts";
import type {
  InspectedHolder,
  InspectedLock,
  InspectedSemaphore,
  InspectedWaiter,
  RedisInspection,
} from "../src/redis/inspection.ts";
import type { Rates } from "./rates.ts";
import { elide, pad, widthOf } from "./text.ts";

/** The contents of a server, and the number of unused locks and semaphores that are not shown. */
export type RedisView = RedisInspection & { readonly idle: number };

/** The length to which the command line of a process is shortened. */
const COMMAND_WIDTH = 60;

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
        grouped(value),
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

/** Formats segments; with rates, also how fast their numbers change. */
export function segmentsReport(segments: readonly SegmentView[], rates?: Rates): string {
  if (segments.length === 0) return "No segments";
  return segments.map((segment) => segmentReport(segment, rates)).join("\n\n");
}

function segmentReport(segment: SegmentView, rates: Rates | undefined): string {
  const { name, path, size, error, damage, cells = [], requests = [], threads = [], slots } =
    segment;
  const title = `${colors.bold(printable(name))}: ${grouped(size)} bytes, ` +
    printable(path);
  if (error !== undefined) return `${title}\n${colors.yellow(printable(error))}`;
  const dead = threads.filter(({ isGone }) => isGone).length;
  const parts = [
    `${title}, ${slots!.used} of ${grouped(slots!.limit)} slots in use` +
    (dead === 0 ? "" : `, ${dead} of them by dead threads`),
  ];
  if (threads.length > 0) {
    parts.push(table(["open by", "waits for", "command"], threads.map(threadRow)));
  }
  if (cells.length > 0) {
    const rows = cells.map((cell) => cellRow(cell, rates?.of(segment, cell)));
    parts.push(table(["name", "kind", "value", "lock", "waiting"], rows));
  }
  if (requests.length > 0) {
    parts.push(table(["requested lock", "mode", "state", "thread"], requests.map(requestRow)));
  }
  if (damage !== undefined) parts.push(colors.yellow(printable(damage)));
  return parts.join("\n");
}

function requestRow({ name, mode, state, owner }: InspectedRequest): string[] {
  const shown = state === "held"
    ? colors.green(state)
    : state === "dead"
    ? colors.yellow("its thread is dead")
    : state;
  return [quoteText(name), mode, shown, describeOwner(owner)];
}

function threadRow({ owner, isGone, waits, command }: InspectedThread): string[] {
  return [
    describeOwner(owner) + (isGone ? colors.yellow(", dead") : ""),
    waits.map(({ kind, name, offset, since }) =>
      `${name === undefined ? `a ${kind} at ${offset}` : quoteText(name)}, since ` +
      since.toISOString()
    ).join("\n"),
    commandOf(command),
  ];
}

function commandOf(command: string | undefined): string {
  return command === undefined ? "" : elide(printable(command), COMMAND_WIDTH);
}

function cellRow(cell: InspectedCell, rate: number | undefined): string[] {
  const { name, kind, waiters } = cell;
  const value = valueOf(cell) + (rate ? ` (${rate > 0 ? "+" : ""}${shortOf(rate)}/s)` : "");
  return [printable(name), printable(kind), value, lockOf(cell), waiting(waiters)];
}

function valueOf({ value, kind }: InspectedCell): string {
  if (value === undefined) return "";
  if (kind.startsWith("once ")) return value ? "made" : "not made";
  if (kind.startsWith("barrier ")) return `${value} of ${kind.slice("barrier ".length)} arrived`;
  if (typeof value === "boolean") return value ? "set" : "clear";
  const [, capacity] = /^channel (\d+) /.exec(kind) ?? [];
  if (capacity !== undefined) return `${value} of ${numeral(Number(capacity))} messages`;
  if (!Array.isArray(value)) return numeral(value as number | bigint);
  const isAll = kind.endsWith(` ${value.length}`);
  return value.map(numeral).join("; ") + (isAll ? "" : "; …");
}

/** A number that is not rounded, however small it is. */
function numeral(value: number | bigint): string {
  const isWhole = typeof value === "bigint" || Number.isSafeInteger(value);
  return isWhole ? grouped(value) : `${value}`;
}

/** Made when it is used: that takes long. */
let short: Intl.NumberFormat | undefined;

/** A number with one digit after the point. */
function shortOf(value: number): string {
  short ??= new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  return short.format(value);
}

function lockOf({ state, holders, permits, heldFor, contents, diedOwner }: InspectedCell): string {
  if (state === undefined) return "";
  const since = heldFor === undefined ? "" : `, for ${seconds(heldFor)} at least`;
  const lines = holders!.map((holder, i) => {
    const text = holderOf(holder) + (i === 0 ? since : "");
    return holder.isGone ? colors.yellow(text) : colors.green(text);
  });
  if (permits !== undefined) {
    const used = holders!.reduce((sum, { permits = 0 }) => sum + permits, 0);
    lines.unshift(`${grouped(used)} of ${grouped(permits)} permits held`);
  } else if (state === "free") lines.push("free");
  if (contents === "recovered") {
    const died = `not acknowledged: it died holding it: ${describeOwner(diedOwner)}`;
    lines.push(colors.yellow(died));
  } else if (contents === "inconsistent") {
    lines.push(colors.yellow(`marked inconsistent: ${describeOwner(diedOwner)}`));
  }
  return lines.join("\n");
}

function holderOf({ owner, isGone, permits, role }: InspectedHeld): string {
  const name = describeOwner(owner);
  const what = isGone ? "its holder is dead: " : ROLES[role ?? "holder"];
  return what + name + (permits === undefined || permits === 1 ? "" : `, ${permits} permits`);
}

const ROLES = {
  holder: "held by ",
  writer: "written by ",
  reader: "read by ",
  "next writer": "next writer: ",
} as const;

/** Formats lock files. */
export function filesReport(files: readonly InspectedLockFile[]): string {
  const rows = files.map(({ path, state, holders, waiters, token, reason }) => [
    printable(path),
    state === "dead"
      ? colors.yellow("free, not released: its holder is dead")
      : state === "shared"
      ? colors.green(`shared by ${holders.length}`)
      : state === "held"
      ? colors.green(state)
      : reason === undefined
      ? state
      : `${state}: ${reason}`,
    processes(holders, ({ owner }) => describeOwner(owner)),
    processes(holders, ({ command }) => commandOf(command)),
    `${token ?? ""}`,
    processes(waiters, ({ owner }) => describeOwner(owner)),
  ]);
  return table(["file", "state", "holder", "command", "token", "waiting"], rows);
}

function processes(
  all: readonly InspectedProcess[],
  textOf: (one: InspectedProcess) => string,
): string {
  return all.map(textOf).join("\n");
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

function waiting(waiters: readonly (Pick<InspectedWaiter, "since"> & { owner?: Owner })[]): string {
  if (waiters.length === 0) return "";
  // A ticket that another program wrote may be no time.
  const since = new Date(waiters.reduce((min, { since }) => Math.min(min, +since), Infinity));
  return `${waiters.length}${isNaN(+since) ? "" : `, since ${since.toISOString()}`}`;
}

function seconds(ms: number): string {
  return `${shortOf(ms / 1000)} s`;
}

/** A table; a cell may have several lines. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].flatMap(linesOf);
  const widths = head.map(() => 0);
  for (const line of lines) {
    for (let i = 0; i < widths.length; i++) widths[i] = Math.max(widths[i], widthOf(line[i]));
  }
  const rule = (left: string, middle: string, right: string) =>
    left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right;
  const [first, ...others] = lines.map((line) =>
    `│ ${line.map((cell, i) => pad(cell, widths[i])).join(" │ ")} │`
  );
  return [rule("┌", "┬", "┐"), first, rule("├", "┼", "┤"), ...others, rule("└", "┴", "┘")]
    .join("\n");
}

const hasLines = (cell: string) => cell.includes("\n");

/** The lines of a row: several if one of its cells has several. */
function linesOf(row: readonly string[]): (readonly string[])[] {
  if (!row.some(hasLines)) return [row];
  const cells = row.map((cell) => cell.split("\n"));
  const height = Math.max(...cells.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) => cells.map((lines) => lines[line] ?? ""));
}
