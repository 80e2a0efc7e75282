import { Mutex, Segment } from "../../src/memory/mod.ts";
import { type BenchContext, type Goal, minor, type Operation, type Subject } from "./subject.ts";

function measuredAlone(name: string, alone: (context: BenchContext) => () => unknown): Operation {
  return { name, media: ["mapped"], alone };
}

function pair(mutex: Mutex): () => void {
  return () => {
    mutex.lock();
    mutex.unlock();
  };
}

/** Several mutexes in several segments, used in turn by one call site. */
function turns({ fast }: BenchContext, segments: number, mutexes: number): () => unknown {
  const all = Array.from({ length: segments }, (_, i) => {
    const segment = Segment.open(`turn-${i}`, { directory: fast });
    return Array.from({ length: mutexes }, (_, j) => segment.mutex(`mutex ${j}`));
  }).flat();
  let i = 0;
  return () => {
    const mutex = all[i = (i + 1) % all.length];
    mutex.lock();
    mutex.unlock();
  };
}

/** A mutex in a segment that has many other cells. */
function among({ fast }: BenchContext, cells: number): () => unknown {
  const segment = Segment.open("among", { directory: fast, size: 1 << 20 });
  for (let i = 0; i < cells; i++) segment.counter(`cell ${i}`);
  return pair(segment.mutex("mine"));
}

/** A mutex next to another one for which tasks of this thread wait. */
function beside({ memory, offset }: BenchContext, waiters: number): () => unknown {
  const other = new Mutex(memory, offset);
  other.lock();
  for (let i = 0; i < waiters; i++) void other.acquire();
  return pair(new Mutex(memory, offset + Mutex.BYTES));
}

const OTHERS: readonly [many: string, few: string, claim: string][] = [
  ["mutex, 64 of 8 segments in turn", "mutex, 1 in turn", "64 mutexes of 8 segments are used"],
  ["mutex among 1,000 cells", "mutex among 1 cell", "1,000 cells are in its segment"],
  ["mutex beside 1,000 waiting tasks", "mutex beside 10 waiting tasks", "1,000 tasks wait nearby"],
];

/** Segments, and costs that must not grow with the number of things in them. */
export const subject: Subject = {
  name: "segment",
  operations: [
    measuredAlone("open, close", ({ fast }) => {
      const kept = Segment.open("opened", { directory: fast });
      kept.mutex("jobs");
      return () => Segment.open("opened", { directory: fast }).close();
    }),
    minor(measuredAlone("mutex by its name", ({ fast }) => {
      const segment = Segment.open("named", { directory: fast });
      return () => segment.mutex("jobs");
    })),
    measuredAlone("mutex, 1 in turn", (context) => turns(context, 1, 1)),
    measuredAlone("mutex, 64 of 8 segments in turn", (context) => turns(context, 8, 8)),
    measuredAlone("mutex among 1 cell", (context) => among(context, 1)),
    measuredAlone("mutex among 1,000 cells", (context) => among(context, 1000)),
    measuredAlone("mutex beside 10 waiting tasks", (context) => beside(context, 10)),
    measuredAlone("mutex beside 1,000 waiting tasks", (context) => beside(context, 1000)),
  ],
  goals: [
    {
      claim: "Segment.open and close take at most 200 µs",
      kind: "at most ns",
      goal: 200_000,
      row: { operation: "open, close" },
    },
    ...OTHERS.map(([operation, few, what]): Goal => ({
      claim: `A mutex costs at most 1.5 times as much if ${what}`,
      kind: "at most times",
      goal: 1.5,
      row: { operation },
      of: { operation: few },
    })),
  ],
};
