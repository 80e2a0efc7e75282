import { tmpdir } from "node:os";
import { fileSystemOf } from "../cli/machine.ts";
import type { Runtime } from "../src/counting/runtimes.ts";
import { aloneSubjects } from "./alone_subjects.ts";
import { emptySubject, peerSubject, startSubject, strategySubject } from "./counting_subjects.ts";
import type { Goal, Subject } from "./figures.ts";
import type { Peers, PeerSubject } from "./peers.ts";

/** What is measured together: its subjects in their order, and what they are to reach. */
export interface Section {
  readonly subjects: readonly Subject[];
  readonly goals: readonly Goal[];
}

/** The names of the sections, for `--only`. */
export const SECTION_NAMES = ["alone", "locks", "atomic", "files", "start"] as const;
/** The name of a section. */
export type SectionName = typeof SECTION_NAMES[number];

/**
 * What the same work costs in Python (multiprocessing's Value, RawValue and Array under a lock; the
 * text file under a lock of fasteners on tmpfs), in ns an increment, and how many times less is
 * wanted.
 */
const PYTHON = { "value-lock": 2043, "raw-value-lock": 1152, "array-lock": 3089 } as const;
const PYTHON_FILE_LOCK = 133_100;
const LESS = 5;
const LESS_IN_FILES = 3;

/** Builds a section; without `peers` it has no comparison with C. */
export function sectionOf(
  name: SectionName,
  runtimes: readonly Runtime[],
  peers: Peers | undefined,
): Section {
  switch (name) {
    case "alone":
      return { subjects: aloneSubjects(runtimes), goals: [] };
    case "locks":
      return locks(runtimes, peers);
    case "atomic":
      return atomic(runtimes, peers);
    case "files":
      return files(runtimes, peers);
    case "start":
      return start(runtimes);
  }
}

/** Each alone, then each two together. */
function pairs(runtimes: readonly Runtime[]): Runtime[][] {
  const single = runtimes.map((runtime) => [runtime]);
  const mixed = runtimes.flatMap((a, i) => runtimes.slice(i + 1).map((b) => [a, b]));
  return [...single, ...mixed];
}

/** Each alone, then all together. */
function singlesAndAll(runtimes: readonly Runtime[]): Runtime[][] {
  const single = runtimes.map((runtime) => [runtime]);
  return runtimes.length > 1 ? [...single, [...runtimes]] : single;
}

function locks(runtimes: readonly Runtime[], peers: Peers | undefined): Section {
  const size = { workers: 2, increments: 100_000 };
  const goals = (Object.keys(PYTHON) as (keyof typeof PYTHON)[]).flatMap((strategy) =>
    pairs(runtimes).map((together): Goal => ({
      subject: strategySubject(strategy, together, size),
      limit: { at: PYTHON[strategy] / LESS },
    }))
  );
  const twins = (["mutex", "robust-mutex"] as const).map((subject: PeerSubject) =>
    peers && peerSubject(peers, subject, size)
  );
  return { subjects: [...twins, ...goals.map(({ subject }) => subject)].filter(isSubject), goals };
}

function atomic(runtimes: readonly Runtime[], peers: Peers | undefined): Section {
  const subjects: Subject[] = [];
  const goals: Goal[] = [];
  for (const workers of [1, 2, 4]) {
    const size = { workers, increments: 2_000_000 };
    const together = workers === 4
      ? singlesAndAll(runtimes)
      : workers === 2
      ? pairs(runtimes)
      : runtimes.map((runtime) => [runtime]);
    const ours = together.map((some) => strategySubject("atomic", some, size));
    if (peers !== undefined) {
      const of = peerSubject(peers, "atomic", size);
      subjects.push(of);
      const times = workers === 1 ? 3 : 1.5;
      goals.push(...ours.map((subject) => ({ subject, limit: { times, of } })));
    }
    subjects.push(...ours);
  }
  return { subjects, goals };
}

function files(runtimes: readonly Runtime[], peers: Peers | undefined): Section {
  const subjects: Subject[] = [];
  const goals: Goal[] = [];
  for (const directory of ["/dev/shm", tmpdir()]) {
    const system = fileSystemOf(directory);
    const where = ` on ${system}`;
    if (subjects.some(({ name }) => name.includes(where))) continue;
    const size = { workers: 4, increments: 1000, directory };
    const ours = singlesAndAll(runtimes)
      .map((some) => strategySubject("file-lock", some, size, where));
    if (peers !== undefined) {
      const of = peerSubject(peers, "file-lock", size, where);
      subjects.push(of);
      goals.push(...ours.map((subject) => ({ subject, limit: { times: 1.3, of } })));
    }
    if (system === "tmpfs") {
      const limit = { at: PYTHON_FILE_LOCK / LESS_IN_FILES };
      goals.push(...ours.map((subject) => ({ subject, limit })));
    }
    subjects.push(...ours);
  }
  return { subjects, goals };
}

function start(runtimes: readonly Runtime[]): Section {
  const workers = 4;
  const goals = runtimes.map((runtime) => ({
    subject: startSubject(runtime, workers),
    limit: { times: 1, of: emptySubject(runtime, workers) },
  }));
  return { subjects: goals.flatMap(({ subject, limit }) => [limit.of, subject]), goals };
}

function isSubject(subject: Subject | undefined): subject is Subject {
  return subject !== undefined;
}
