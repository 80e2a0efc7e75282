import { Mutex, Segment } from "../../src/memory/mod.ts";
import { type BenchContext, claim, HOLDS, on, type Subject } from "./subject.ts";

const alone = on(["mapped"], (context) => context);

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
  return HOLDS.pair(segment.mutex("mine"));
}

/** A mutex next to another one for which tasks of this thread wait. */
function beside({ memory, offset }: BenchContext, waiters: number): () => unknown {
  const other = new Mutex(memory, offset);
  other.lock();
  for (let i = 0; i < waiters; i++) void other.acquire();
  return HOLDS.pair(new Mutex(memory, offset + Mutex.BYTES));
}

/** Segments, and costs that must not grow with the number of things in them. */
export const subject: Subject = {
  name: "segment",
  operations: [
    alone("open, close", ({ fast }) => {
      const kept = Segment.open("opened", { directory: fast });
      kept.mutex("jobs");
      return () => Segment.open("opened", { directory: fast }).close();
    }),
    alone("mutex by its name", ({ fast }) => {
      const segment = Segment.open("named", { directory: fast });
      return () => segment.mutex("jobs");
    }),
    alone("mutex, 1 in turn", (context) => turns(context, 1, 1)),
    alone("mutex, 64 of 8 segments in turn", (context) => turns(context, 8, 8)),
    alone("mutex among 1 cell", (context) => among(context, 1)),
    alone("mutex among 1,000 cells", (context) => among(context, 1000)),
    alone("mutex beside 10 waiting tasks", (context) => beside(context, 10)),
    alone("mutex beside 1,000 waiting tasks", (context) => beside(context, 1000)),
  ],
  goals: [
    claim("Segment.open and close take at most 200 µs")
      .about({ operation: "open, close" }).takes(200_000),
    claim("A mutex costs at most 1.5 times as much if 64 mutexes of 8 segments are used")
      .about({ operation: "mutex, 64 of 8 segments in turn" })
      .costs(1.5, { operation: "mutex, 1 in turn" }),
    claim("A mutex costs at most 1.5 times as much if 1,000 cells are in its segment")
      .about({ operation: "mutex among 1,000 cells" })
      .costs(1.5, { operation: "mutex among 1 cell" }),
    claim("A mutex costs at most 1.5 times as much if 1,000 tasks wait nearby")
      .about({ operation: "mutex beside 1,000 waiting tasks" })
      .costs(1.5, { operation: "mutex beside 10 waiting tasks" }),
  ],
};
