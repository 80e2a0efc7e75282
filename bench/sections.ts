import { tmpdir } from "node:os";
import { fileSystemOf } from "../cli/machine.ts";
import type { Runtime } from "../src/counting/runtimes.ts";
import {
  ALONE_SUBJECTS,
  type AloneSubject,
  aloneSubject,
  OTHER_SUBJECTS,
} from "./alone_subjects.ts";
import { contendedSubject } from "./contended_subjects.ts";
import { emptySubject, peerSubject, startSubject, strategySubject } from "./counting_subjects.ts";
import type { Goal, Subject } from "./figures.ts";
import type { Peers, PeerSubject } from "./peers.ts";

/** What is measured together: its subjects in their order, and what they are to reach. */
export interface Section {
  readonly subjects: readonly Subject[];
  readonly goals: readonly Goal[];
}

/** The names of the sections, for `--only`. */
export const SECTION_NAMES = [
  "alone",
  "mutex",
  "memory",
  "locks",
  "atomic",
  "files",
  "start",
] as const;
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
      return alone(runtimes, peers);
    case "mutex":
      return mutex(runtimes, peers);
    case "memory":
      return memory(runtimes);
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

/** One thread with nobody to wait for. */
function alone(runtimes: readonly Runtime[], peers: Peers | undefined): Section {
  const goals: Goal[] = [];
  const subjects: Subject[] = [];
  const [atomic, robust, plain] = (["atomic", "robust-mutex", "mutex"] as const)
    .map((twin) => peers && peerSubject(peers, twin, { workers: 1, increments: 2_000_000 }));
  subjects.push(...[atomic, robust, plain].filter(isSubject));
  for (const runtime of runtimes) {
    for (const what of ALONE_SUBJECTS) {
      const subject = aloneSubject(runtime, what);
      subjects.push(subject, aloneSubject(runtime, what, "anonymous"));
      const limit = (of: Subject | undefined, times: number) =>
        of !== undefined && goals.push({ subject, limit: { times, of } });
      if (what === "mutex lock, increment, unlock") limit(robust, 1);
      if (what === "atomic add") limit(atomic, 3);
      if (what === "atomic add of 32 bits") limit(atomic, runtime.name === "bun" ? 1.3 : 3);
    }
  }
  return { subjects, goals };
}

/** The mutex between processes, against the two of glibc, and the wake-up beneath it. */
function mutex(runtimes: readonly Runtime[], peers: Peers | undefined): Section {
  const goals: Goal[] = [];
  const subjects: Subject[] = [];
  for (const workers of [2, 4, 16]) {
    const size = { workers, increments: 4_000_000 / workers };
    const twins = peers && [
      { of: peerSubject(peers, "robust-mutex", size), times: 0.6 },
      { of: peerSubject(peers, "mutex", size), times: 1 },
    ];
    subjects.push(...twins?.map(({ of }) => of) ?? []);
    for (const runtime of runtimes) {
      const subject = contendedSubject("mutex", runtime, workers, size.increments);
      subjects.push(subject);
      goals.push(...twins?.map((limit) => ({ subject, limit })) ?? []);
    }
  }
  for (
    const { what, twin, workers, times, most } of [
      { what: "striped add", twin: "atomic", workers: 4, times: 1_000_000, most: 1 },
      { what: "wake-up", twin: "wake-up", workers: 2, times: 20_000, most: 1.5 },
    ] as const
  ) {
    const of = peers && peerSubject(peers, twin, { workers, increments: times });
    if (of !== undefined) subjects.push(of);
    for (const runtime of runtimes) {
      const subject = contendedSubject(what, runtime, workers, times);
      subjects.push(subject);
      if (of !== undefined) goals.push({ subject, limit: { times: most, of } });
    }
  }
  return { subjects, goals };
}

/** What must not cost more where there is more of it; and opening a segment. */
function memory(runtimes: readonly Runtime[]): Section {
  const MOST = 1.5;
  const OPEN_NS = 200_000;
  const pairs: readonly [AloneSubject, AloneSubject][] = [
    ["mutex, 64 of 8 segments in turn", "mutex, 1 in turn"],
    ["mutex among 1,000 cells", "mutex among 1 cell"],
    ["mutex beside 1,000 waiting tasks", "mutex beside 10 waiting tasks"],
    ["mutex from task to task, 1,000 wait", "mutex from task to task, 10 wait"],
  ];
  const goals: Goal[] = [];
  const subjects: Subject[] = [];
  for (const runtime of runtimes) {
    const all = new Map(OTHER_SUBJECTS.map((what) => [what, aloneSubject(runtime, what)]));
    const at = (what: AloneSubject) => all.get(what as typeof OTHER_SUBJECTS[number])!;
    subjects.push(...all.values());
    goals.push(...pairs.map(([many, few]) => ({
      subject: at(many),
      limit: { times: MOST, of: at(few) },
    })));
    goals.push({ subject: at("segment open, close"), limit: { at: OPEN_NS } });
  }
  return { subjects, goals };
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
