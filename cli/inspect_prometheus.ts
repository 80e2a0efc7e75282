import { printable } from "../src/contract/printable.ts";
import type { InspectedLockFile } from "../src/files/inspection.ts";
import type { InspectedValue, SegmentView } from "../src/memory/inspection.ts";
import type { RedisView } from "./inspect_table.ts";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | bigint | boolean | undefined];

/** Kinds of named things that threads can wait for, though no lock of theirs is shown. */
const WAITED = /^(barrier|condition|flag|latch|rwlock|semaphore)( |$)/;

/** Metrics in the text exposition format of Prometheus; all of them are gauges. */
class Exposition {
  #text = "";

  /** Adds a metric, without samples whose value is unknown. */
  add(name: string, help: string, samples: readonly Sample[]): void {
    const known = samples.filter(([, value]) => value !== undefined);
    if (known.length === 0) return;
    this.#text += `# HELP interlock_${name} ${help}\n# TYPE interlock_${name} gauge\n`;
    for (const [labels, value] of known) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
      const list = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
      this.#text += `interlock_${name}${list} ${numeral(value!)}\n`;
    }
  }

  /** The text, which ends with a line feed. */
  get text(): string {
    return this.#text;
  }
}

/** The value of a label; what a terminal would act on is escaped as in the tables. */
function escaped(text: string): string {
  return text.split("\n").map(printable).join("\n")
    .replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numeral(value: number | bigint | boolean): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return typeof value === "boolean" ? `${Number(value)}` : `${value}`;
}

/** The metrics of segments and lock files. */
export function localMetrics(
  segments: readonly SegmentView[],
  files: readonly InspectedLockFile[] = [],
): string {
  const metrics = new Exposition();
  const readable = segments.filter(({ error }) => error === undefined);
  const names = segments.map(({ name }) => name);
  const isUnique = (name: string) => names.indexOf(name) === names.lastIndexOf(name);
  const of = ({ name, path }: SegmentView) => ({ segment: isUnique(name) ? name : path });
  metrics.add(
    "segment_readable",
    "Whether all of a segment could be read.",
    segments.map((one) => [of(one), (one.error ?? one.damage) === undefined]),
  );
  metrics.add(
    "segment_bytes",
    "Bytes for the things in it.",
    readable.map((one) => [
      of(one),
      one.size,
    ]),
  );
  metrics.add(
    "segment_slots_used",
    "Threads that have it open.",
    readable.map((one) => [
      of(one),
      one.slots?.used,
    ]),
  );
  metrics.add(
    "segment_slots_limit",
    "The most threads.",
    readable.map((one) => [
      of(one),
      one.slots?.limit,
    ]),
  );
  metrics.add(
    "segment_slots_dead",
    "Slots of dead threads.",
    readable.map((one) => [
      of(one),
      one.threads?.filter(({ isGone }) => isGone).length,
    ]),
  );
  const cells = readable.flatMap((segment) => {
    const label = of(segment);
    return (segment.cells ?? []).map((cell) => ({
      labels: { ...label, name: cell.name, kind: cell.kind },
      ...cell,
    }));
  });
  const locks = cells.filter(({ state }) => state !== undefined);
  metrics.add(
    "value",
    "The value of a counter, a value or a flag (1: set).",
    cells.map(({ labels, value }) => [labels, scalar(value)]),
  );
  metrics.add(
    "lock_held",
    "Whether it is held, also by a dead thread.",
    locks.map((lock) => [
      lock.labels,
      lock.state !== "free",
    ]),
  );
  metrics.add(
    "lock_owner_dead",
    "Whether its holder is dead.",
    locks.map((lock) => [
      lock.labels,
      lock.state === "dead",
    ]),
  );
  metrics.add(
    "lock_held_seconds",
    "For how long it has been held, at least; only with waiters.",
    locks.map((lock) => [lock.labels, lock.heldFor && lock.heldFor / 1000]),
  );
  metrics.add(
    "lock_token",
    "The last fencing token.",
    locks.map((lock) => [
      lock.labels,
      lock.token,
    ]),
  );
  metrics.add(
    "lock_inconsistent",
    "Whether its data may be half-written, and no holder has acknowledged that.",
    locks.map((lock) => [lock.labels, lock.contents !== "consistent"]),
  );
  const waited = cells.filter(({ state, kind }) => state !== undefined || WAITED.test(kind));
  metrics.add(
    "waiters",
    "Threads that wait for it.",
    waited.map(({ labels, waiters }) => [
      labels,
      waiters.length,
    ]),
  );
  const paths = files.map((file) => ({ labels: { path: file.path }, ...file }));
  metrics.add(
    "file_lock_holders",
    "Processes that hold it.",
    paths.map((file) => [
      file.labels,
      file.state === "unknown" ? undefined : file.state === "dead" ? 0 : file.holders.length,
    ]),
  );
  metrics.add(
    "file_lock_owner_dead",
    "Whether its last holder died.",
    paths.map((file) => [
      file.labels,
      file.state === "unknown" ? undefined : file.state === "dead",
    ]),
  );
  metrics.add(
    "file_lock_waiters",
    "Processes that the kernel blocks.",
    paths.map((file) => [
      file.labels,
      file.waiters.length,
    ]),
  );
  metrics.add(
    "file_lock_token",
    "The last fencing token.",
    paths.map((file) => [
      file.labels,
      file.token,
    ]),
  );
  return metrics.text;
}

/** The metrics of a server. */
export function redisMetrics({ locks, semaphores, counters, foreign }: RedisView): string {
  const metrics = new Exposition();
  const of = ({ name }: { readonly name: string }) => ({ name });
  const leases = (one: RedisView["locks"][number] | RedisView["semaphores"][number]) =>
    one.holders.length === 0
      ? undefined
      : one.holders.reduce((least, { leaseLeft }) => Math.min(least, leaseLeft), Infinity) / 1000;
  for (const [kind, all] of [["lock", locks], ["semaphore", semaphores]] as const) {
    const add = (
      name: string,
      help: string,
      valueOf: (one: typeof all[number]) => Sample[1],
    ) =>
      metrics.add(
        `redis_${kind}_${name}`,
        help,
        [...all].map((one) => [of(one), valueOf(one)] as const),
      );
    add("holders", "Clients that hold it.", ({ holders }) => holders.length);
    add("waiters", "Clients that wait for it.", ({ waiters }) => waiters.length);
    add("lease_seconds", "Until the first of its leases ends, unless renewed.", leases);
    add("token", "The last fencing token.", ({ token }) => token);
  }
  metrics.add(
    "redis_lock_abandoned",
    "Whether its last holder did not release it.",
    locks.map((lock) => [of(lock), lock.abandonedBy !== undefined]),
  );
  metrics.add(
    "redis_semaphore_permits",
    "The permits that there are.",
    semaphores.map((one) => [
      of(one),
      one.permits,
    ]),
  );
  metrics.add(
    "redis_semaphore_permits_held",
    "The permits that are held.",
    semaphores.map((one) => [
      of(one),
      one.holders.reduce((sum, { permits = 0 }) => sum + permits, 0),
    ]),
  );
  metrics.add(
    "redis_counter",
    "The value of a counter.",
    counters.map(({ key, value }) => [
      { key },
      value,
    ]),
  );
  metrics.add("redis_foreign", "Names whose keys hold something else.", [[{}, foreign.length]]);
  return metrics.text;
}

/** A value that is one number. */
function scalar(value: InspectedValue | undefined): number | bigint | boolean | undefined {
  return typeof value === "object" ? undefined : value;
}
