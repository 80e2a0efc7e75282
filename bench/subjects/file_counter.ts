import { join } from "node:path";
import { TextFile } from "../../src/counting/text_file.ts";
import { FileCounter, type FileCounterOptions, FileLock } from "../../src/files/mod.ts";
import { peers } from "../launch.ts";
import { type BenchContext, claim, on, type Subject } from "./subject.ts";

const SIZES = [1, 4];
const BATCH = 1000;
const TASKS = 64;
const TEXT = "text file under a lock";
const FAST = `${TEXT}, in memory`;
const BATCHED = "add in a batch of 1,000";
const BY_TASKS = `add, durable, by ${TASKS} tasks`;

const counting = (options?: FileCounterOptions) =>
  on(["file"], ({ folder }) => new FileCounter(join(folder, "count.txt"), options));
const read = (counter: FileCounter) => counter.getSync();
const several = { sizes: SIZES, processes: true, read };
const add = (counter: FileCounter) => () => counter.addSync();
const addByTasks = (counter: FileCounter) => () =>
  Promise.all(Array.from({ length: TASKS }, () => counter.add()));
const byTasks = { ...several, alone: false, awaited: true, per: TASKS };

/** The same as the strategy `file-lock` of `interlock count`. */
function textFile(name: string, folderOf: (context: BenchContext) => string) {
  const counting = on(["file"], (context) => {
    const path = join(folderOf(context), "count.txt");
    const lock = new FileLock(`${path}.lock`);
    const text = new TextFile(path, (found) => {
      if (found !== "") throw new Error(`Not a number: ${found}`);
    });
    if (context.worker === 0) new FileCounter(path).close(); // Creates the file, with a 0.
    return { lock, text };
  });
  return counting(name, ({ lock, text }) => () => {
    lock.lock();
    try {
      text.increment();
    } finally {
      lock.unlock();
    }
  }, { alone: false, sizes: SIZES, processes: true, read: ({ text }) => text.read() });
}

const C = { by: "c" };
const together = { setting: "processes", count: 4 } as const;
const each = { setting: "processes", count: SIZES } as const;

/** Numbers in text files. */
export const subject: Subject = {
  name: "file_counter",
  operations: [
    counting()("add", add, several),
    counting({ editable: false })("add, not editable", add, several),
    counting({ durable: true })("add, durable", add, several),
    // Tasks of a process that share a write and a sync.
    counting()(`add, by ${TASKS} tasks`, addByTasks, byTasks),
    counting({ durable: true })(BY_TASKS, addByTasks, byTasks),
    counting()(BATCHED, (counter) => {
      const batch = counter.batchSync(BATCH);
      return () => batch.add();
    }),
    textFile(TEXT, ({ folder }) => folder),
    textFile(FAST, ({ fast }) => fast),
  ],
  programs: [
    ...peers("c", "file", SIZES, {
      [TEXT]: "text-file",
      "add": "editable-add",
      "add, not editable": "add",
      "add, durable": "durable-add",
      [BY_TASKS]: "durable-add-64",
    }),
    ...peers("c", "file", SIZES, { [FAST]: "text-file" }, { fast: true }),
    ...peers("c", "file", "alone", { [BATCHED]: "batch" }),
    ...peers("python", "file", SIZES, { [TEXT]: "text-file" }),
    ...peers("python", "file", SIZES, { [FAST]: "text-file" }, { fast: true }),
  ],
  goals: [
    claim("An increment of a text file under a FileLock costs at most 1.3 times C's")
      .about({ operation: [TEXT, FAST], ...together }).costs(1.3, C),
    claim(
      "An increment of a text file under a FileLock is at least 3 times faster than Python's " +
        "with fasteners",
    ).about({ operation: [TEXT, FAST], ...together }).isFaster(3, { by: "python" }),
    claim("FileCounter.add costs at most 3 times the same calls in C")
      .about({ operation: "add", ...each }).costs(3, C),
    claim("FileCounter.add, not editable, costs at most 3 times the same calls in C")
      .about({ operation: "add, not editable", ...each }).costs(3, C),
    claim("An add in a batch of 1,000 costs at most 3 times the same batch in C")
      .about({ operation: BATCHED }).costs(3, C),
    claim("Durable adds of 4 processes are at least 3 times faster than one fdatasync each")
      .about({ operation: "add, durable", ...together }).isFaster(3, C),
    claim(`Durable adds of ${TASKS} tasks cost at most 3 times ${TASKS} adds with one sync in C`)
      .about({ operation: BY_TASKS, ...together }).costs(3, C),
  ],
};
