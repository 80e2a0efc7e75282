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
  claim,
  MEMORY,
  operationsOn,
  programsBy,
  type Subject,
} from "./subject.ts";

const SIZES = [1, 2, 4];
const Point = defineRecord({ x: "Float64", y: "Float64", name: field.text(16) });

const on = <T>(open: (context: BenchContext) => T) => operationsOn(MEMORY, open);
const rawValue = on(({ memory, offset }) => new RawValue(memory, offset));
const sharedValue = on(({ memory, offset }) => new SharedValue(memory, offset));
const rawArray = on(({ memory, offset }) => new RawArray(memory, offset, 8));
const sharedArray = on(({ memory, offset }) => new SharedArray(memory, offset, 8));
const rawRecord = on(({ memory, offset }) => new RawRecord(memory, offset, Point));
const sharedRecord = on(({ memory, offset }) => new SharedRecord(memory, offset, Point));
const seqlock = on(({ memory, offset }) => new SeqlockRecord(memory, offset, Point));
const flag = on(({ memory, offset }) => new Flag(memory, offset));

/** An increment under a mutex, by one thread and by several. */
function locked(
  name: string,
  open: (context: BenchContext) => [Mutex, increment: () => void, read: () => number],
) {
  return on(open)(name, ([mutex, increment]) => () => {
    mutex.lock();
    try {
      increment();
    } finally {
      mutex.unlock();
    }
  }, { sizes: SIZES, read: ([, , read]) => read() });
}

/** Values, arrays, records and flags. */
export const subject: Subject = {
  name: "values",
  operations: [
    rawValue("raw value += 1", (one) => () => one.value += 1),
    sharedValue("shared value += 1", (one) => () => one.value += 1),
    sharedValue("shared value update", (one) => () => one.update((was) => was + 1)),
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
    rawArray("raw array cell + 1", (cells) => () => cells.set(3, cells.get(3) + 1)),
    sharedArray("shared array update", (all) => () => all.update(3, (was) => was + 1)),
    rawRecord("raw record read", (point) => () => point.read()),
    sharedRecord("shared record read", (point) => () => point.read()),
    sharedRecord("shared record update", (point) => () => point.update(({ x }) => ({ x: x + 1 }))),
    seqlock("seqlock record read", (point) => () => point.read()),
    flag("flag look", (flag) => () => flag.isSet),
    flag("flag set, clear", (flag) => () => {
      flag.set();
      flag.clear();
    }),
  ],
  programs: programsBy("python", "mapped", SIZES, {
    "shared value under a mutex": "shared-value",
    "raw value under a mutex": "raw-value",
    "array cell under its mutex": "array",
  }),
  goals: [
    ["shared value under a mutex", "A shared value under a mutex"],
    ["raw value under a mutex", "A raw value under a mutex"],
    ["array cell under its mutex", "An array's cell under its mutex"],
  ].flatMap(([operation, what]) =>
    claim(`${what} is at least 5 times faster than Python's`)
      .about({ operation, medium: "mapped", setting: "processes" }, 2, 4)
      .isFaster(5, { by: "python" })
  ),
};
