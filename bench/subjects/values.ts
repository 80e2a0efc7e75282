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
import { peers } from "../launch.ts";
import { type BenchContext, claim, MEMORY, on, type Subject } from "./subject.ts";

const SIZES = [1, 2, 4];
const Point = defineRecord({ x: "Float64", y: "Float64", name: field.text(16) });

const rawValue = on(MEMORY, ({ memory, offset }) => new RawValue(memory, offset));
const sharedValue = on(MEMORY, ({ memory, offset }) => new SharedValue(memory, offset));
const rawArray = on(MEMORY, ({ memory, offset }) => new RawArray(memory, offset, 8));
const sharedArray = on(MEMORY, ({ memory, offset }) => new SharedArray(memory, offset, 8));
const rawRecord = on(MEMORY, ({ memory, offset }) => new RawRecord(memory, offset, Point));
const sharedRecord = on(MEMORY, ({ memory, offset }) => new SharedRecord(memory, offset, Point));
const seqlock = on(MEMORY, ({ memory, offset }) => new SeqlockRecord(memory, offset, Point));
const flag = on(MEMORY, ({ memory, offset }) => new Flag(memory, offset));

/** An increment under a mutex, by one thread and by several. */
function locked(
  name: string,
  open: (context: BenchContext) => [Mutex, increment: () => void, read: () => number],
) {
  return on(MEMORY, open)(name, ([mutex, increment]) => () => {
    mutex.lock();
    try {
      increment();
    } finally {
      mutex.unlock();
    }
  }, { sizes: SIZES, read: ([, , read]) => read() });
}

/** What Python's multiprocessing has too. */
const PYTHONS = [
  ["shared value under a mutex", "A shared value under a mutex"],
  ["raw value under a mutex", "A raw value under a mutex"],
  ["array cell under its mutex", "An array's cell under its mutex"],
] as const;

/** Values, arrays, records and flags. */
export const subject: Subject = {
  name: "values",
  operations: [
    rawValue("raw value += 1", (one) => () => one.value += 1),
    sharedValue("shared value += 1", (one) => () => one.value += 1),
    sharedValue("shared value add", (one) => () => one.add(1), {
      sizes: SIZES,
      read: (one) => one.value,
    }),
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
  programs: peers("python", "mapped", SIZES, {
    "shared value under a mutex": "shared-value",
    "raw value under a mutex": "raw-value",
    "array cell under its mutex": "array",
  }),
  goals: [
    claim("A SharedRecord of two numbers and a text is read in at most 60 ns")
      .about({ operation: "shared record read", medium: "mapped" }).takes(60),
    claim("A SharedRecord is updated in at most 120 ns")
      .about({ operation: "shared record update", medium: "mapped" }).takes(120),
    claim("A shared value under a mutex takes at most 45 ns with 2 processes")
      .about({
        operation: "shared value under a mutex",
        medium: "mapped",
        setting: "processes",
        count: 2,
      }).takes(45),
    ...PYTHONS.map(([operation, what]) =>
      claim(`${what} is at least 5 times faster than Python's`)
        .about({ operation, medium: "mapped", setting: "processes", count: [2, 4] })
        .isFaster(5, { by: "python" })
    ),
  ],
};
