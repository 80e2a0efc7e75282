import type { Counting, CountingContext } from "./strategy.ts";

function cellOf({ offset }: CountingContext): string {
  return `cell-${offset}`;
}

/** State that one owner changes with an atomic method. */
export function manager(context: CountingContext): Counting {
  const { ask } = context;
  const cell = cellOf(context);
  return {
    async count(times) {
      for (let i = 0; i < times; i++) await ask({ op: "add", cell, n: 1 });
    },
    read: () => ask({ op: "get", cell }),
  };
}

/** The same with a get and a set, without a lock. */
export function managerGetSet(context: CountingContext): Counting {
  const { ask } = context;
  const cell = cellOf(context);
  return {
    async count(times) {
      for (let i = 0; i < times; i++) {
        const n = await ask({ op: "get", cell });
        await ask({ op: "set", cell, n: n + 1 });
      }
    },
    read: () => ask({ op: "get", cell }),
  };
}

/** The same under a lock of the owner. */
export function managerLock(context: CountingContext): Counting {
  const { ask } = context;
  const cell = cellOf(context);
  const bare = managerGetSet(context);
  return {
    async count(times) {
      for (let i = 0; i < times; i++) {
        await ask({ op: "acquire", cell });
        try {
          await bare.count(1);
        } finally {
          await ask({ op: "release", cell });
        }
      }
    },
    read: bare.read,
  };
}
