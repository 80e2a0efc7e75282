import { regionOf } from "../../src/memory/memory.ts";
import { Semaphore } from "../../src/memory/mod.ts";
import { peers } from "../launch.ts";
import { type BenchContext, claim, FEWER_SIZES, MEMORY, on, type Subject } from "./subject.ts";
const open = ({ memory, offset }: BenchContext) => new Semaphore(memory, offset, { permits: 1 });
const several = on(
  MEMORY,
  ({ memory, offset }) => new Semaphore(memory, offset, { permits: 4 }),
);
/** A semaphore of one permit, and an integer for its holder. */
const guarding = on(MEMORY, (context) => {
  const region = regionOf(context.memory);
  const at = region.resolve(context.offset + Semaphore.bytes(1), 4, 4);
  return { semaphore: open(context), cell: new Int32Array(region.buffer, at, 1) };
});

const INCREMENT = { operation: "wait, increment, post", medium: "mapped" } as const;

/** The semaphore in shared memory. */
export const subject: Subject = {
  name: "semaphore",
  operations: [
    several("waitSync, post", (one) => () => {
      one.waitSync();
      one.post();
    }),
    several("guard by using", (one) => () => {
      using _guard = one.acquireSync();
    }),
    several("acquire, release", (one) => async () => (await one.acquire()).release()),
    guarding(INCREMENT.operation, ({ semaphore, cell }) => () => {
      semaphore.waitSync();
      cell[0]++;
      semaphore.post();
    }, { sizes: FEWER_SIZES, processes: true, read: ({ cell }) => cell[0] }),
  ],
  programs: peers("c", "mapped", FEWER_SIZES, { [INCREMENT.operation]: "semaphore" }),
  goals: [
    claim("A semaphore around an increment, alone, costs at most 1.5 times C's")
      .about({ ...INCREMENT, setting: "alone" }).costs(1.5, { by: "c" }),
    claim("A semaphore around an increment, alone, costs at most 1.2 times the mutex")
      .about({ ...INCREMENT, setting: "alone" })
      .costs(1.2, { subject: "mutex", operation: "lock, increment, unlock" }),
    claim("A semaphore of several processes costs no more than C's")
      .about({ ...INCREMENT, setting: "processes", count: [2, 4, 16] }).costs(1, { by: "c" }),
  ],
};
