import {
  defineRecord,
  field,
  Flag,
  Mutex,
  RawArray,
  RawRecord,
  RawValue,
  SeqlockRecord,
  SharedArray,
  SharedRecord,
  SharedValue,
} from "../../src/memory/mod.ts";
import {
  type BenchContext,
  type Goal,
  type Loop,
  MEMORY,
  minor,
  type Operation,
  type Subject,
} from "./subject.ts";

const SIZES = [1, 2, 4];
const Point = defineRecord({ x: "Float64", y: "Float64", name: field.text(16) });

function measuredAlone(name: string, alone: (context: BenchContext) => () => unknown): Operation {
  return { name, media: MEMORY, alone };
}

/** An increment under a mutex, by one thread and by several. */
function locked(
  name: string,
  make: (context: BenchContext) => [Mutex, () => void, () => number],
): Operation {
  const step = (mutex: Mutex, increment: () => void) => {
    mutex.lock();
    try {
      increment();
    } finally {
      mutex.unlock();
    }
  };
  return {
    name,
    media: MEMORY,
    sizes: SIZES,
    alone: (context) => {
      const [mutex, increment] = make(context);
      return () => step(mutex, increment);
    },
    together: (context): Loop => {
      const [mutex, increment, read] = make(context);
      return {
        run(times) {
          for (let i = 0; i < times; i++) step(mutex, increment);
        },
        read,
      };
    },
  };
}

function fasterThanPython(operation: string, what: string): Goal[] {
  return [2, 4].map((count) => ({
    claim: `${what} is at least 5 times faster than Python's`,
    kind: "at least times faster",
    goal: 5,
    row: { operation, medium: "mapped", setting: "processes", count },
    of: { by: "python" },
  }));
}

/** Values, arrays, records and flags. */
export const subject: Subject = {
  name: "values",
  operations: [
    measuredAlone("raw value += 1", ({ memory, offset }) => {
      const value = new RawValue(memory, offset);
      return () => value.value += 1;
    }),
    measuredAlone("shared value += 1", ({ memory, offset }) => {
      const value = new SharedValue(memory, offset);
      return () => value.value += 1;
    }),
    minor(measuredAlone("shared value update", ({ memory, offset }) => {
      const value = new SharedValue(memory, offset);
      return () => value.update((before) => before + 1);
    })),
    locked("shared value under a mutex", ({ memory, offset }) => {
      const value = new SharedValue(memory, offset + Mutex.BYTES);
      return [new Mutex(memory, offset), () => value.value += 1, () => value.value];
    }),
    locked("raw value under a mutex", ({ memory, offset }) => {
      const value = new RawValue(memory, offset + Mutex.BYTES);
      return [new Mutex(memory, offset), () => value.value += 1, () => value.value];
    }),
    locked("array cell under its mutex", ({ memory, offset }) => {
      const { mutex, raw } = new SharedArray(memory, offset, 1);
      return [mutex, () => raw.set(0, raw.get(0) + 1), () => raw.get(0)];
    }),
    minor(measuredAlone("raw array cell + 1", ({ memory, offset }) => {
      const cells = new RawArray(memory, offset, 8);
      return () => cells.set(3, cells.get(3) + 1);
    })),
    minor(measuredAlone("shared array update", ({ memory, offset }) => {
      const cells = new SharedArray(memory, offset, 8);
      return () => cells.update(3, (before) => before + 1);
    })),
    minor(measuredAlone("raw record read", ({ memory, offset }) => {
      const point = new RawRecord(memory, offset, Point);
      return () => point.read();
    })),
    minor(measuredAlone("shared record read", ({ memory, offset }) => {
      const point = new SharedRecord(memory, offset, Point);
      return () => point.read();
    })),
    measuredAlone("shared record update", ({ memory, offset }) => {
      const point = new SharedRecord(memory, offset, Point);
      return () => point.update(({ x }) => ({ x: x + 1 }));
    }),
    measuredAlone("seqlock record read", ({ memory, offset }) => {
      const point = new SeqlockRecord(memory, offset, Point);
      return () => point.read();
    }),
    measuredAlone("flag look", ({ memory, offset }) => {
      const flag = new Flag(memory, offset);
      return () => flag.isSet;
    }),
    minor(measuredAlone("flag set, clear", ({ memory, offset }) => {
      const flag = new Flag(memory, offset);
      return () => {
        flag.set();
        flag.clear();
      };
    })),
  ],
  programs: [
    {
      by: "python",
      program: "shared-value",
      name: "shared value under a mutex",
      medium: "mapped",
      sizes: SIZES,
    },
    {
      by: "python",
      program: "raw-value",
      name: "raw value under a mutex",
      medium: "mapped",
      sizes: SIZES,
    },
    {
      by: "python",
      program: "array",
      name: "array cell under its mutex",
      medium: "mapped",
      sizes: SIZES,
    },
  ],
  goals: [
    ...fasterThanPython("shared value under a mutex", "A shared value under a mutex"),
    ...fasterThanPython("raw value under a mutex", "A raw value under a mutex"),
    ...fasterThanPython("array cell under its mutex", "An array's cell under its mutex"),
  ],
};
