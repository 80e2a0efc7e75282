import type { Results } from "../../results.ts";
import { alone, type Answer, comparison, rangeOf, ratiosOf, sentences } from "./answer.ts";
import { type RowFilter, times } from "../figures.ts";

interface Safety {
  /** The guarantee. */
  readonly label: string;
  /** The API that gives it, and the API without it. */
  readonly note: string;
  readonly safe: RowFilter;
  /** The same work without the guarantee. */
  readonly bare: RowFilter;
  /** The words of the answer, for the main ones. */
  readonly says?: (times: string) => string;
}

const RAW = alone("values/raw value += 1");
const PAIR = alone("mutex/lock, unlock");
const ADD = alone("file_counter/add");

/** The guarantees, each with the operation that does the same without it. */
export const SAFETIES: readonly Safety[] = [
  {
    label: "No update is lost",
    note: "update(), not RawValue += 1",
    safe: alone("values/shared value update"),
    bare: RAW,
    says: (times) => `an update that is never lost takes **${times}** as long as a bare one`,
  },
  {
    label: "Mutual exclusion",
    note: "a Mutex around RawValue += 1",
    safe: alone("values/raw value under a mutex"),
    bare: RAW,
    says: (times) => `a mutex around it **${times}**`,
  },
  {
    label: "The lock is always released",
    note: "try, finally, not the bare pair",
    safe: alone("mutex/guard by try, finally"),
    bare: PAIR,
  },
  {
    label: "… by the language",
    note: "using, not the bare pair",
    safe: alone("mutex/guard by using"),
    bare: PAIR,
    says: (times) => `a guard by using ${times} as long as the bare pair of calls`,
  },
  {
    label: "The event loop runs on",
    note: "await acquire(), not the bare pair",
    safe: alone("async_acquire/acquire, release"),
    bare: PAIR,
  },
  {
    label: "Others see who has it",
    note: "a FileLock's record, not without",
    safe: alone("file_lock/guard by using"),
    bare: alone("file_lock/guard by using, no record"),
  },
  {
    label: "People may edit the number",
    note: "FileCounter, not { editable: false }",
    safe: ADD,
    bare: alone("file_counter/add, not editable"),
  },
  {
    label: "It survives power loss",
    note: "{ durable: true }, not without",
    safe: alone("file_counter/add, durable"),
    bare: ADD,
    says: (times) => `an add that survives power loss **${times}** as long as one that need not`,
  },
];

/** What does safety cost? */
export function safetyCost(results: Results): Answer {
  const rows = SAFETIES.map(({ safe, bare, ...safety }) => {
    return { ...safety, dots: ratiosOf(results, safe, bare) };
  });
  const said = rows.filter(({ dots }) => dots.length > 0)
    .flatMap(({ says, dots }) => says?.(`${rangeOf(dots, times)} times`) ?? []).join("; ");
  return {
    id: "safety",
    question: "What does safety cost?",
    answer: sentences([said && `A${said.slice(1)}.`], "safe operations beside bare ones"),
    reading: "Multiples of the time without the guarantee; at 1 it is free. The least and the " +
      "most of the runtimes are at the right.",
    ...comparison("times", rows, { atOne: "slower →" }),
  };
}
