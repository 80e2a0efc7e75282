import { regionOf } from "../../src/memory/memory.ts";
import { Barrier, Condition, Mutex } from "../../src/memory/mod.ts";
import { peers } from "../launch.ts";
import { type BenchContext, claim, on, type Subject } from "./subject.ts";

const PASS = "barrier pass";
const TURN = "condition ping-pong";

/** A barrier for all workers. */
const meeting = on(["mapped"], ({ memory, offset, workers }: BenchContext) => {
  return new Barrier(memory, offset, { parties: workers });
});

/** A mutex, its condition, and a number: the worker whose turn it is. */
const turns = on(["mapped"], ({ memory, offset, worker, workers }: BenchContext) => {
  const mutex = new Mutex(memory, offset);
  const condition = new Condition(memory, offset + Mutex.BYTES, mutex);
  const region = regionOf(memory);
  const at = region.resolve(offset + Mutex.BYTES + Condition.BYTES, 4, 4);
  const cell = new Int32Array(region.buffer, at, 1);
  return { mutex, condition, cell, worker, next: (worker + 1) % workers };
});

const IN_STEP = { alone: false, processes: true, inStep: true } as const;

/** Threads that wait for each other: the barrier and the condition. */
export const subject: Subject = {
  name: "rendezvous",
  operations: [
    meeting(PASS, (barrier) => () => barrier.waitSync(), { ...IN_STEP, sizes: [2, 4, 16] }),
    turns(TURN, ({ mutex, condition, cell, worker, next }) => () => {
      const guard = mutex.acquireSync();
      while (cell[0] !== worker) condition.waitSync(guard);
      cell[0] = next;
      condition.notify();
      guard.release();
    }, { ...IN_STEP, sizes: [2] }),
  ],
  programs: [
    ...peers("c", "mapped", [2, 4, 16], { [PASS]: "barrier" }),
    ...peers("c", "mapped", [2], { [TURN]: "condition" }),
  ],
  goals: [
    claim("A pass of a barrier costs at most 1.5 times C's")
      .about({ operation: PASS }).costs(1.5, { by: "c" }),
    claim("A turn by a condition costs at most 1.5 times C's")
      .about({ operation: TURN }).costs(1.5, { by: "c" }),
  ],
};
