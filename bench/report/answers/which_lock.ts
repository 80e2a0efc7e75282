import type { Results } from "../../results.ts";
import {
  type Answer,
  dotRows,
  type Entry,
  meanRatio,
  rowsIn,
  span,
  tableOf,
  unanswered,
} from "./answer.ts";
import { drawDots } from "../charts/dots.ts";
import { times } from "../figures.ts";

const alone = { setting: "alone", count: 1 } as const;
const memory = { ...alone, subject: "mutex", medium: "mapped" } as const;
const file = { ...alone, subject: "file_lock", medium: "file" } as const;

const PAIR: Entry = {
  label: "Mutex, bare pair",
  note: "lock(), unlock()",
  wanted: { ...memory, operation: "lock, unlock" },
};
const AWAITED: Entry = {
  label: "Mutex, awaited",
  note: "await acquire()",
  wanted: { ...memory, subject: "async_acquire", operation: "acquire, release" },
};
const FILE: Entry = {
  label: "FileLock, bare pair",
  note: "lock(), unlock()",
  wanted: { ...file, operation: "lock, unlock" },
};
const REDIS: Entry = {
  label: "RedisLock, awaited",
  note: "a server, this machine",
  wanted: { ...alone, subject: "redis", medium: "redis", operation: "lock: acquire, release" },
};

/** The locks, by cost. */
export const LOCKS: readonly Entry[] = [
  PAIR,
  {
    label: "Mutex, guard",
    note: "try, finally",
    wanted: { ...memory, operation: "guard by try, finally" },
  },
  { label: "Mutex, guard", note: "using", wanted: { ...memory, operation: "guard by using" } },
  AWAITED,
  FILE,
  { label: "FileLock, guard", note: "using", wanted: { ...file, operation: "guard by using" } },
  {
    label: "FileLock, awaited",
    note: "await acquire()",
    wanted: { ...file, operation: "acquire, release" },
  },
  REDIS,
];

/** Which lock? */
export function whichLock(results: Results): Answer {
  const rows = dotRows(results, LOCKS);
  const pair = rowsIn(results, PAIR);
  const awaited = rowsIn(results, AWAITED);
  const sentences: string[] = [];
  if (pair.length > 0) {
    sentences.push(
      `For programs on one machine: **Mutex**, ${span(pair)} for lock and unlock` +
        (awaited.length > 0 ? `, ${span(awaited)} with await.` : "."),
    );
  }
  for (
    const { one, to, why } of [
      { one: FILE, to: PAIR, why: "to share a lock with other languages and the shell" },
      { one: REDIS, to: AWAITED, why: "for several machines" },
    ]
  ) {
    const ratio = meanRatio(results, one.wanted, to.wanted);
    if (ratio !== undefined) {
      const name = one.label.split(",")[0];
      const how = to === AWAITED ? "an awaited Mutex" : "Mutex";
      sentences.push(
        `**${name}**, ${why}, takes ${times(ratio)} times as long as ${how} ` +
          `(${span(rowsIn(results, one))}).`,
      );
    }
  }
  return {
    id: "lock",
    question: "Which lock?",
    answer: sentences.join(" ") || unanswered("locks"),
    reading: "Time to acquire a free lock and to release it; further left is faster.",
    ...rows.length > 0 && { draw: (look) => drawDots({ rows, unit: "ns" }, look) },
    table: tableOf(results, LOCKS),
  };
}
