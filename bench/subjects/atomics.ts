import { regionOf } from "../../src/memory/memory.ts";
import { AtomicCounter, StripedCounter } from "../../src/memory/mod.ts";
import { type BenchContext, type Goal, MEMORY, type Operation, type Subject } from "./subject.ts";

function counting(
  name: string,
  alone: (counter: AtomicCounter) => () => unknown,
  minor = true,
): Operation {
  return {
    name,
    media: MEMORY,
    minor,
    alone: ({ memory, offset }) => alone(new AtomicCounter(memory, offset)),
  };
}

function add({ memory, offset }: BenchContext): AtomicCounter {
  return new AtomicCounter(memory, offset);
}

function striped({ memory, offset, worker, workers }: BenchContext): StripedCounter {
  return new StripedCounter(memory, offset, workers, worker);
}

const ADDS =
  "AtomicCounter.add of several processes at once costs at most 1.5 times C's atomic add";

/** Counters with atomic operations. */
export const subject: Subject = {
  name: "atomics",
  operations: [
    {
      name: "add",
      media: MEMORY,
      alone: (context) => {
        const counter = add(context);
        return () => counter.add();
      },
      together: (context) => {
        const counter = add(context);
        return {
          run(times) {
            for (let i = 0; i < times; i++) counter.add();
          },
          read: () => counter.value,
        };
      },
    },
    counting("fetchAdd", (counter) => () => counter.fetchAdd(), false),
    counting("exchange", (counter) => () => counter.exchange(1)),
    counting("compareExchange", (counter) => () => counter.compareExchange(0, 0)),
    counting("read", (counter) => () => counter.value),
    {
      name: "add of 32 bits",
      media: MEMORY,
      alone: ({ memory, offset }) => {
        const region = regionOf(memory);
        const { atomics } = region;
        const at = region.resolve(offset, 4, 4);
        return () => atomics.add32(at, 1);
      },
    },
    {
      name: "striped add",
      media: MEMORY,
      alone: (context) => {
        const counter = striped({ ...context, workers: 4 });
        return () => counter.add();
      },
      together: (context) => {
        const counter = striped(context);
        return {
          run(times) {
            for (let i = 0; i < times; i++) counter.add();
          },
          read: () => counter.value,
        };
      },
    },
  ],
  programs: [
    { by: "c", program: "atomic", name: "add", medium: "mapped", sizes: [1, 2, 4, 16, 64] },
  ],
  goals: [
    {
      claim: "AtomicCounter.add alone costs at most 3 times C's atomic add",
      kind: "at most times",
      goal: 3,
      row: { operation: "add", medium: "mapped", setting: "alone" },
      of: { by: "c" },
    },
    {
      claim: "AtomicCounter.add of a process that counts alone costs at most 3 times C's",
      kind: "at most times",
      goal: 3,
      row: { operation: "add", medium: "mapped", setting: "processes", count: 1 },
      of: { by: "c" },
    },
    ...([2, 4] as const).map((count): Goal => ({
      claim: ADDS,
      kind: "at most times",
      goal: 1.5,
      row: { operation: "add", medium: "mapped", setting: "processes", count },
      of: { by: "c" },
    })),
    ...(["deno", "bun", "node"] as const).map((runtime): Goal => ({
      claim: `An atomic add of 32 bits costs at most ${runtime === "bun" ? 1.3 : 3} times C's`,
      kind: "at most times",
      goal: runtime === "bun" ? 1.3 : 3,
      row: { operation: "add of 32 bits", medium: "mapped", setting: "alone", runtime },
      of: { by: "c", operation: "add" },
    })),
    {
      claim: "StripedCounter.add of 4 processes costs no more than C's atomic add",
      kind: "at most times",
      goal: 1,
      row: { operation: "striped add", medium: "mapped", setting: "processes", count: 4 },
      of: { by: "c", operation: "add" },
    },
  ],
};
