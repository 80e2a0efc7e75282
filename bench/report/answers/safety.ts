import type { Results } from "../../results.ts";
import { type Answer, ratios, type Table, unanswered } from "./answer.ts";
import { type CompactRow, drawCompact } from "../charts/compact.ts";
import { geometricMean, type RowFilter, RUNTIMES, SERIES_NAMES, times } from "../figures.ts";

const alone = { setting: "alone", count: 1 } as const;
const memory = { ...alone, medium: "mapped" } as const;
const file = { ...alone, medium: "file" } as const;

interface Safety {
  /** The guarantee. */
  readonly label: string;
  /** The API that gives it, and the API without it. */
  readonly note: string;
  readonly safe: RowFilter;
  readonly bare: RowFilter;
  /** The words of the answer, for the main ones. */
  readonly says?: (times: string) => string;
}

const RAW: RowFilter = { ...memory, subject: "values", operation: "raw value += 1" };
const LOCKED: RowFilter = {
  ...memory,
  subject: "mutex",
  operation: "lock, increment, unlock",
};
const PAIR: RowFilter = { ...memory, subject: "mutex", operation: "lock, unlock" };

/** The guarantees, each with the operation that lacks it. */
export const SAFETIES: readonly Safety[] = [
  {
    label: "No update is lost",
    note: "AtomicCounter.add instead of RawValue += 1",
    safe: { ...memory, subject: "atomics", operation: "add" },
    bare: RAW,
    says: (times) =>
      `an increment that loses no update takes **${times} times** as long as a bare one`,
  },
  {
    label: "Mutual exclusion",
    note: "a Mutex around RawValue += 1",
    safe: LOCKED,
    bare: RAW,
    says: (times) => `a mutex around it **${times} times**`,
  },
  {
    label: "The lock is always released",
    note: "try, finally, not the bare pair",
    safe: { ...memory, subject: "mutex", operation: "guard by try, finally" },
    bare: PAIR,
  },
  {
    label: "… by the language",
    note: "using, not the bare pair",
    safe: { ...memory, subject: "mutex", operation: "guard by using" },
    bare: PAIR,
    says: (times) => `a guard by using ${times} times as long as the bare pair of calls`,
  },
  {
    label: "The event loop runs on",
    note: "await acquire(), not the bare pair",
    safe: { ...memory, subject: "async_acquire", operation: "acquire, release" },
    bare: PAIR,
  },
  {
    label: "Others see who has it",
    note: "a FileLock's record, not without",
    safe: { ...file, subject: "file_lock", operation: "guard by using" },
    bare: { ...file, subject: "file_lock", operation: "guard by using, no record" },
  },
  {
    label: "People may edit the number",
    note: "FileCounter, not { editable: false }",
    safe: { ...file, subject: "file_counter", operation: "add" },
    bare: { ...file, subject: "file_counter", operation: "add, not editable" },
  },
  {
    label: "It survives power loss",
    note: "{ durable: true }, not without",
    safe: { ...file, subject: "file_counter", operation: "add, durable" },
    bare: { ...file, subject: "file_counter", operation: "add" },
    says: (times) =>
      `an add that survives power loss **${times} times** as long as one that need not`,
  },
];

/** What does safety cost? */
export function safetyCost(results: Results): Answer {
  const all = SAFETIES.map((safety) => ({
    ...safety,
    ratios: ratios(results, safety.safe, safety.bare),
  })).filter(({ ratios }) => ratios.length > 0)
    .map((safety) => ({
      ...safety,
      mean: geometricMean(safety.ratios.map(({ ratio }) => ratio)),
    }));
  const rows = all.map(({ label, note, ratios, mean }): CompactRow => ({
    label,
    note,
    aside: `${times(mean)}×`,
    dots: ratios.map(({ runtime, ratio }) => ({
      series: runtime,
      name: SERIES_NAMES[runtime],
      value: ratio,
    })),
  }));
  const text = all.flatMap(({ says, mean }) => says?.(times(mean)) ?? []).join("; ");
  return {
    id: "safety",
    question: "What does safety cost?",
    answer: text === ""
      ? unanswered("safe operations beside bare ones")
      : `${text[0].toUpperCase()}${text.slice(1)}.`,
    reading:
      "Multiples of the time without the guarantee; at 1 it is free. The geometric mean of the " +
      "runtimes is at the right.",
    ...rows.length > 0 && {
      draw: (look) => drawCompact({ rows, unit: "times", aside: "mean", mark: { at: 1 } }, look),
    },
    table: tableFor(all),
  };
}

function tableFor(
  all: readonly (Safety & { ratios: ReturnType<typeof ratios>; mean: number })[],
): Table {
  return {
    head: ["", "compared", ...RUNTIMES.map((runtime) => SERIES_NAMES[runtime]), "mean"],
    rows: all.map(({ label, note, ratios, mean }) => [
      label,
      note,
      ...RUNTIMES.map((runtime) => {
        const found = ratios.find((one) => one.runtime === runtime);
        return found === undefined ? "–" : `${times(found.ratio)}×`;
      }),
      `${times(mean)}×`,
    ]),
  };
}
