/**
 * One of several processes that do the same at once: `contended_worker.ts SUBJECT PATH WORKER
 * WORKERS TIMES`. Says ready, waits at the gate, and prints when it began and ended.
 *
 * @module
 */
import { Gate } from "../src/counting/gate.ts";
import { Memory, Mutex, StripedCounter } from "../src/memory/mod.ts";
import { adapter, monotonicNanoseconds } from "../src/runtime/mod.ts";

/** What several processes can be asked to do at once. */
export type ContendedSubject = "mutex" | "striped add" | "wake-up";

/** What they all share: the gate, then this. */
const AT = { real: 1024, scratch: 2048, end: 4096 } as const;
/** The bytes that all of it takes. */
export const BYTES: number = AT.end;
const WARM_CALLS = 20;
const WARM_TIMES = 10_000;

/** An integer in a memory, for who holds a lock over it. */
export function cellOf(memory: Memory, offset: number): Int32Array {
  return new Int32Array(memory.buffer, memory.place(offset, 4, 4), 1);
}

function prepare(
  subject: ContendedSubject,
  memory: Memory,
  offset: number,
  worker: number,
  workers: number,
): (times: number) => void {
  switch (subject) {
    case "mutex": {
      const mutex = new Mutex(memory, offset);
      const cell = cellOf(memory, offset + 128);
      return (times) => {
        for (let i = 0; i < times; i++) {
          mutex.lock();
          cell[0]++;
          mutex.unlock();
        }
      };
    }
    case "striped add": {
      const counter = new StripedCounter(memory, offset, workers, worker);
      return (times) => {
        for (let i = 0; i < times; i++) counter.add();
      };
    }
    case "wake-up": {
      // Two hand a word to and fro; each sleeps until it has it.
      const at = memory.place(offset, 4, 4);
      return (times) => {
        for (let i = 0; i < times; i++) {
          while (memory.atomic.load32(at) !== worker) memory.wait(at, 1 - worker);
          memory.atomic.store32(at, 1 - worker);
          memory.wake(at, 1);
        }
      };
    }
  }
}

if (import.meta.main) {
  const [subject, path, worker, workers, times] = adapter.args;
  const memory = Memory.map(path, BYTES);
  const all = Number(workers);
  const gate = new Gate(memory, all);
  const at = (offset: number) =>
    prepare(subject as ContendedSubject, memory, offset, Number(worker), all);
  if (subject !== "wake-up") {
    const warm = at(AT.scratch);
    for (let i = 0; i < WARM_CALLS; i++) warm(WARM_TIMES);
  }
  const real = at(AT.real);
  console.log("ready");
  gate.pass();
  const start = monotonicNanoseconds();
  real(Number(times));
  const end = monotonicNanoseconds();
  gate.meet();
  const counted = subject === "mutex" ? cellOf(memory, AT.real + 128)[0] : undefined;
  console.log(JSON.stringify({ start, end, counted }));
}
