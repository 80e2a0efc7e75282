import { regionOf } from "../../src/memory/memory.ts";
import { AtomicCounter, StripedCounter } from "../../src/memory/mod.ts";
import { peers } from "../launch.ts";
import { claim, FEWER_SIZES, MEMORY, on, SIZES, type Subject } from "./subject.ts";

const LEAST_STRIPES = 4;

const atomic = on(MEMORY, ({ memory, offset }) => new AtomicCounter(memory, offset));
const striped = on(MEMORY, ({ memory, offset, worker, workers }) => {
  return new StripedCounter(memory, offset, Math.max(workers, LEAST_STRIPES), worker);
});
const bare = on(MEMORY, ({ memory, offset }) => {
  const region = regionOf(memory);
  return { atomics: region.atomics, at: region.resolve(offset, 4, 4) };
});

const C = { by: "c" };
const alone = { medium: "mapped", setting: "alone" } as const;
const processes = { medium: "mapped", setting: "processes" } as const;

/** Counters with atomic operations. */
export const subject: Subject = {
  name: "atomics",
  operations: [
    atomic("add", (counter) => () => counter.add(), { sizes: SIZES, read: ({ value }) => value }),
    atomic("fetchAdd", (counter) => () => counter.fetchAdd()),
    atomic("exchange", (counter) => () => counter.exchange(1)),
    atomic("compareExchange", (counter) => () => counter.compareExchange(0, 0)),
    atomic("read", (counter) => () => counter.value),
    bare("add of 32 bits", ({ atomics, at }) => () => atomics.add32(at, 1)),
    striped("striped add", (counter) => () => counter.add(), {
      sizes: FEWER_SIZES,
      read: ({ value }) => value,
    }),
  ],
  programs: [
    ...peers("c", "mapped", SIZES, { "add": "atomic" }),
    ...peers("c", "mapped", FEWER_SIZES, { "striped add": "striped" }),
    ...peers("c", "mapped", "alone", { "add of 32 bits": "atomic-32" }),
  ],
  goals: [
    claim("AtomicCounter.add alone costs at most 3 times C's atomic add")
      .about({ operation: "add", ...alone }).costs(3, C),
    claim("AtomicCounter.add of a process that counts alone costs at most 3 times C's")
      .about({ operation: "add", ...processes, count: 1 }).costs(3, C),
    claim("AtomicCounter.add of several processes at once costs at most 1.5 times C's atomic add")
      .about({ operation: "add", ...processes, count: [2, 4] }).costs(1.5, C),
    claim("An atomic add of 32 bits costs at most 3 times C's")
      .about({ operation: "add of 32 bits", ...alone, runtime: ["deno", "node"] }).costs(3, C),
    claim("An atomic add of 32 bits costs at most 1.3 times C's")
      .about({ operation: "add of 32 bits", ...alone, runtime: "bun" }).costs(1.3, C),
    claim("StripedCounter.add of 4 processes costs at most 3 times C's add to stripes")
      .about({ operation: "striped add", ...processes, count: 4 }).costs(3, C),
  ],
};
