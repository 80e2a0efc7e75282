import { Mutex } from "../../src/memory/mod.ts";
import { claim, HOLDS, MEMORY, on, type Operation, type Subject } from "./subject.ts";

interface AsyncMutexPackage {
  readonly Mutex: new () => { acquire(): Promise<() => void> };
}

const inMemory = on(MEMORY, ({ memory, offset }) => new Mutex(memory, offset));
const inThread = on(["anonymous"], ({ memory, offset }) => new Mutex(memory, offset));
const byPackage = on(["none"], ({ load }) => {
  const { Mutex } = load("async-mutex") as AsyncMutexPackage;
  return new Mutex();
});

/** A mutex that passes from task to task while `waiters` tasks wait. */
function fromTaskToTask(waiters: number): Operation {
  return inThread(`from task to task, ${waiters.toLocaleString("en")} wait`, (mutex) => {
    const turn = HOLDS.awaited(mutex);
    // The number of waiters stays the same: for each that acquires, one is added.
    let last: Promise<unknown> = Promise.resolve();
    for (let i = 0; i < waiters; i++) last = turn();
    let first = last;
    return async () => {
      const next = turn();
      await first;
      first = last;
      last = next;
    };
  });
}

/** The mutex when tasks acquire it. */
export const subject: Subject = {
  name: "async_acquire",
  operations: [
    inMemory("acquire, release", HOLDS.awaited),
    inMemory("acquire, release; each timed", HOLDS.awaited, { timed: true }),
    fromTaskToTask(10),
    fromTaskToTask(1000),
    byPackage("acquire, release", (mutex) => async () => (await mutex.acquire())(), {
      by: "async-mutex",
    }),
  ],
  goals: [
    claim("A mutex from task to task costs at most 1.5 times as much if 1,000 tasks wait")
      .about({ operation: "from task to task, 1,000 wait" })
      .costs(1.5, { operation: "from task to task, 10 wait" }),
  ],
};
