import { join } from "node:path";
import { TextFile } from "../../src/counting/text_file.ts";
import { FileCounter, type FileCounterOptions, FileLock } from "../../src/files/mod.ts";
import type { BenchContext, Goal, Loop, Operation, Program, Subject } from "./subject.ts";

const SIZES = [1, 4];
const BATCH = 1000;
const TEXT = "text file under a lock";
const FAST = `${TEXT}, in memory`;

function counting(name: string, options?: FileCounterOptions): Operation {
  const open = ({ folder }: BenchContext) => new FileCounter(join(folder, "count.txt"), options);
  return {
    name,
    media: ["file"],
    sizes: SIZES,
    processes: true,
    alone: (context) => {
      const counter = open(context);
      return () => counter.addSync();
    },
    together: (context): Loop => {
      const counter = open(context);
      return {
        run(times) {
          for (let i = 0; i < times; i++) counter.addSync();
        },
        read: () => counter.getSync(),
      };
    },
  };
}

const DURABLE = "add, durable";
const TASKS = 64;
const BY_TASKS = `${DURABLE}, by ${TASKS} tasks`;

/** Tasks of a process that share a write and a sync. */
const byTasks: Operation = {
  name: BY_TASKS,
  media: ["file"],
  sizes: SIZES,
  processes: true,
  per: TASKS,
  together: ({ folder }): Loop => {
    const counter = new FileCounter(join(folder, "count.txt"), { durable: true });
    return {
      async run(times) {
        for (let i = 0; i < times; i++) {
          await Promise.all(Array.from({ length: TASKS }, () => counter.add()));
        }
      },
      read: () => counter.getSync(),
    };
  },
};

/** The same as the strategy `file-lock` of `interlock count`. */
function textFile(name: string, where: (context: BenchContext) => string): Operation {
  return {
    name,
    media: ["file"],
    sizes: SIZES,
    processes: true,
    together: (context): Loop => {
      const path = join(where(context), "count.txt");
      const lock = new FileLock(`${path}.lock`);
      const text = new TextFile(path, (found) => {
        if (found !== "") throw new Error(`Not a number: ${found}`);
      });
      if (context.worker === 0) new FileCounter(path).close(); // Creates the file, with a 0.
      return {
        run(times) {
          for (let i = 0; i < times; i++) {
            lock.lock();
            try {
              text.increment();
            } finally {
              lock.unlock();
            }
          }
        },
        read: () => text.read(),
      };
    },
  };
}

function rivalPrograms(name: string, fast: boolean): Program[] {
  return (["c", "python"] as const).map((by) => ({
    by,
    program: "text-file",
    name,
    medium: "file",
    sizes: SIZES,
    fast,
    ...by === "python" && { needs: "fasteners" },
  }));
}

const ADDS: readonly [operation: string, times: number][] = [
  ["add", 1.6],
  ["add, not editable", 1.3],
];

/** Numbers in text files. */
export const subject: Subject = {
  name: "file_counter",
  operations: [
    counting("add"),
    counting("add, not editable", { editable: false }),
    counting(DURABLE, { durable: true }),
    byTasks,
    {
      name: "add in a batch of 1,000",
      media: ["file"],
      alone: ({ folder }) => {
        const batch = new FileCounter(join(folder, "count.txt")).batchSync(BATCH);
        return () => batch.add();
      },
    },
    textFile(TEXT, ({ folder }) => folder),
    textFile(FAST, ({ fast }) => fast),
  ],
  programs: [
    ...rivalPrograms(TEXT, false),
    ...rivalPrograms(FAST, true),
    { by: "c", program: "durable-add", name: "add, durable", medium: "file", sizes: SIZES },
  ],
  goals: [
    ...[TEXT, FAST].flatMap((operation): Goal[] => {
      const row = { operation, setting: "processes", count: 4 } as const;
      return [
        {
          claim: "An increment of a text file under a FileLock costs at most 1.3 times C's",
          kind: "at most times",
          goal: 1.3,
          row,
          of: { by: "c" },
        },
        {
          claim: "An increment of a text file under a FileLock is at least 3 times faster than " +
            "Python's with fasteners",
          kind: "at least times faster",
          goal: 3,
          row,
          of: { by: "python" },
        },
      ];
    }),
    ...ADDS.flatMap(([operation, goal]) =>
      SIZES.flatMap((count): Goal[] => {
        const row = { operation, setting: "processes", count } as const;
        const name = operation === "add" ? "FileCounter.add" : "FileCounter.add, not editable,";
        return [
          {
            claim: `${name} costs at most ${goal} times a text file under flock in C`,
            kind: "at most times",
            goal,
            row,
            of: { by: "c", operation: TEXT },
          },
          {
            claim: `${name} is at least 10 times faster than Python with fasteners`,
            kind: "at least times faster",
            goal: 10,
            row,
            of: { by: "python", operation: TEXT },
          },
        ];
      })
    ),
    {
      claim: "An add in a batch is at least 10 times faster than a text file under flock in C",
      kind: "at least times faster",
      goal: 10,
      row: { operation: "add in a batch of 1,000" },
      of: { by: "c", operation: TEXT },
    },
    ...([[DURABLE, ""], [BY_TASKS, `, ${TASKS} tasks in each,`]] as const).map((
      [operation, who],
    ): Goal => ({
      claim:
        `Durable adds of 4 processes${who} are at least 3 times faster than one fdatasync each`,
      kind: "at least times faster",
      goal: 3,
      row: { operation, setting: "processes", count: 4 },
      of: { by: "c", operation: DURABLE },
    })),
  ],
};
