import { Mutex } from "../../src/memory/mod.ts";
import { type Goal, MEMORY, type Operation, type Place, type Subject } from "./subject.ts";

interface AsyncMutexPackage {
  readonly Mutex: new () => { acquire(): Promise<() => void> };
}

/** A mutex that goes through the hands of so many waiting tasks: each once for a turn. */
function fromTaskToTask(waiters: number): Operation {
  return {
    name: `from task to task, ${waiters.toLocaleString("en")} wait`,
    media: ["anonymous"],
    once: ({ memory, offset }) => {
      const mutex = new Mutex(memory, offset);
      const turn = async () => (await mutex.acquire()).release();
      // Always as many wait; one comes and one goes.
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

function acquire({ memory, offset }: Place): () => Promise<void> {
  const mutex = new Mutex(memory, offset);
  return async () => (await mutex.acquire()).release();
}

/** The mutex as tasks take it. */
export const subject: Subject = {
  name: "async_acquire",
  operations: [
    { name: "acquire, release", media: MEMORY, once: acquire },
    { name: "acquire, release; each timed", media: MEMORY, once: acquire, timed: true },
    fromTaskToTask(10),
    fromTaskToTask(1000),
    {
      name: "acquire, release",
      by: "async-mutex",
      media: ["none"],
      once: ({ load }) => {
        const { Mutex } = load("async-mutex") as AsyncMutexPackage;
        const mutex = new Mutex();
        return async () => (await mutex.acquire())();
      },
    },
  ],
  goals: [
    {
      claim: "A mutex from task to task costs at most 1.5 times as much where 1,000 tasks wait",
      kind: "at most times",
      goal: 1.5,
      row: { operation: "from task to task, 1,000 wait" },
      of: { operation: "from task to task, 10 wait" },
    } satisfies Goal,
  ],
};
