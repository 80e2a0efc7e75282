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
import { type RowFilter, times } from "../figures.ts";

const alone = { setting: "alone", count: 1 } as const;
const memory = { ...alone, subject: "atomics", medium: "mapped" } as const;
const file = { ...alone, subject: "file_counter", medium: "file" } as const;
const redis = { ...alone, subject: "redis", medium: "redis" } as const;

const ATOMIC: Entry = {
  label: "AtomicCounter",
  note: "shared memory",
  wanted: { ...memory, operation: "add" },
};
const FILE: Entry = {
  label: "FileCounter",
  note: "a text file",
  wanted: { ...file, operation: "add" },
};
const REDIS: Entry = {
  label: "RedisCounter",
  note: "a server, this machine",
  wanted: { ...redis, operation: "counter add" },
};
/** The counters, by cost. */
export const COUNTERS: readonly Entry[] = [
  ATOMIC,
  {
    label: "StripedCounter",
    note: "shared memory",
    wanted: { ...memory, operation: "striped add" },
  },
  {
    label: "SharedValue += 1",
    note: "shared memory",
    wanted: { ...memory, subject: "values", operation: "shared value += 1" },
  },
  {
    label: "FileCounter, in a batch",
    note: "a text file",
    wanted: { ...file, operation: "add in a batch of 1,000" },
  },
  FILE,
  {
    label: "FileCounter, durable",
    note: "survives power loss",
    wanted: { ...file, operation: "add, durable" },
  },
  {
    label: "RedisCounter, coalesced",
    note: "a server, this machine",
    wanted: { ...redis, operation: "counter add, coalesced" },
  },
  {
    label: "RedisCounter, pipelined",
    note: "a server, this machine",
    wanted: { ...redis, operation: "counter add, pipelined" },
  },
  REDIS,
];

/** Which counter? */
export function whichCounter(results: Results): Answer {
  const rows = dotRows(results, COUNTERS);
  const atomic = rowsIn(results, ATOMIC);
  const sentences: string[] = [];
  if (atomic.length > 0) {
    sentences.push(`On one machine: **AtomicCounter**, ${span(atomic)} per add.`);
  }
  const contended = stripedGain(results);
  if (contended !== undefined) {
    const { count, ratio } = contended;
    sentences.push(
      ratio > 1.05
        ? `If ${count} processes add at once, **StripedCounter** is ${times(ratio)} times as fast.`
        : `StripedCounter gains nothing here if ${count} processes add at once ` +
          `(${times(ratio)} times as fast).`,
    );
  }
  for (
    const { label, wanted, why } of [
      { ...FILE, why: "for a number that people can read and edit and that outlives a reboot" },
      { ...REDIS, why: "for several machines" },
    ]
  ) {
    const ratio = meanRatio(results, wanted, ATOMIC.wanted);
    if (ratio !== undefined) {
      const cost = span(rowsIn(results, { wanted }));
      sentences.push(
        `${label}, ${why}, takes ${times(ratio)} times as long as AtomicCounter (${cost}).`,
      );
    }
  }
  return {
    id: "counter",
    question: "Which counter?",
    answer: sentences.join(" ") || unanswered("counters"),
    reading: "Time of one add by one undisturbed thread; further left is faster.",
    ...rows.length > 0 && { draw: (look) => drawDots({ rows, unit: "ns" }, look) },
    table: tableOf(results, COUNTERS),
  };
}

/** How many times as fast a striped counter is, with at most 4 processes. */
function stripedGain(results: Results): { count: number; ratio: number } | undefined {
  for (const count of [4, 2]) {
    const at = (operation: string): RowFilter => ({
      ...memory,
      operation,
      setting: "processes",
      count,
    });
    const ratio = meanRatio(results, at("add"), at("striped add"));
    if (ratio !== undefined) return { count, ratio };
  }
  return undefined;
}
