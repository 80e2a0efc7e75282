import { Mutex } from "../../src/memory/mod.ts";
import { type BenchContext, type Goal, MEMORY, type Operation, type Subject } from "./subject.ts";

interface AsyncMutexPackage {
  readonly Mutex: new () => { acquire(): Promise<() => void> };
}

/** A mutex that passes from task to task while `waiters` tasks wait. */
function fromTaskToTask(waiters: number): Operation {
  return {
    name: `from task to task, ${waiters.toLocaleString("en")} wait`,
    media: ["anonymous"],
    alone: ({ memory, offset }) => {
      const mutex = new Mutex(memory, offset);
      const turn = async () => (await mutex.acquire()).release();
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
    },
  };
}

function acquire({ memory, offset }: BenchContext): () => Promise<void> {
  const mutex = new Mutex(memory, offset);
  return async () => (await mutex.acquire()).release();
}

/** The mutex when tasks acquire it. */
export const subject: Subject = {
  name: "async_acquire",
  operations: [
    { name: "acquire, release", media: MEMORY, alone: acquire },
    { name: "acquire, release; each timed", media: MEMORY, alone: acquire, timed: true },
    fromTaskToTask(10),
    fromTaskToTask(1000),
    {
      name: "acquire, release",
      by: "async-mutex",
      media: ["none"],
      alone: ({ load }) => {
        const { Mutex } = load("async-mutex") as AsyncMutexPackage;
        const mutex = new Mutex();
        return async () => (await mutex.acquire())();
      },
    },
  ],
  goals: [
    {
      claim: "A mutex from task to task costs at most 1.5 times as much if 1,000 tasks wait",
      kind: "at most times",
      goal: 1.5,
      row: { operation: "from task to task, 1,000 wait" },
      of: { operation: "from task to task, 10 wait" },
    } satisfies Goal,
  ],
};
