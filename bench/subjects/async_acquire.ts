import { Mutex } from "../../src/memory/mod.ts";
import { claim, MEMORY, type Operation, operationsOn, type Subject } from "./subject.ts";

interface AsyncMutexPackage {
  readonly Mutex: new () => { acquire(): Promise<() => void> };
}

const on = (media: Operation["media"]) =>
  operationsOn(media, ({ memory, offset }) => new Mutex(memory, offset));
const inMemory = on(MEMORY);
const inThread = on(["anonymous"]);
const byPackage = operationsOn(["none"], ({ load }) => load("async-mutex") as AsyncMutexPackage);

const pair = (mutex: Mutex) => async () => (await mutex.acquire()).release();

/** A mutex that passes from task to task while `waiters` tasks wait. */
function fromTaskToTask(waiters: number): Operation {
  return inThread(`from task to task, ${waiters.toLocaleString("en")} wait`, (mutex) => {
    const turn = pair(mutex);
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
    inMemory("acquire, release", pair),
    inMemory("acquire, release; each timed", pair, { timed: true }),
    fromTaskToTask(10),
    fromTaskToTask(1000),
    byPackage("acquire, release", ({ Mutex }) => {
      const mutex = new Mutex();
      return async () => (await mutex.acquire())();
    }, { by: "async-mutex" }),
  ],
  goals: claim("A mutex from task to task costs at most 1.5 times as much if 1,000 tasks wait")
    .about({ operation: "from task to task, 1,000 wait" })
    .costs(1.5, { operation: "from task to task, 10 wait" }),
};
