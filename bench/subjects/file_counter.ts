import { join } from "node:path";
import { TextFile } from "../../src/counting/text_file.ts";
import { FileCounter, type FileCounterOptions, FileLock } from "../../src/files/mod.ts";
import { type BenchContext, claim, operationsOn, programsBy, type Subject } from "./subject.ts";

const SIZES = [1, 4];
const BATCH = 1000;
const TASKS = 64;
const TEXT = "text file under a lock";
const FAST = `${TEXT}, in memory`;

const on = (options?: FileCounterOptions) =>
  operationsOn(["file"], ({ folder }) => new FileCounter(join(folder, "count.txt"), options));
const read = (counter: FileCounter) => counter.getSync();
const several = { sizes: SIZES, processes: true, read };
const add = (counter: FileCounter) => () => counter.addSync();

/** The same as the strategy `file-lock` of `interlock count`. */
function textFile(name: string, folderOf: (context: BenchContext) => string) {
  const on = operationsOn(["file"], (context) => {
    const path = join(folderOf(context), "count.txt");
    const lock = new FileLock(`${path}.lock`);
    const text = new TextFile(path, (found) => {
      if (found !== "") throw new Error(`Not a number: ${found}`);
    });
    if (context.worker === 0) new FileCounter(path).close(); // Creates the file, with a 0.
    return { lock, text };
  });
  return on(name, ({ lock, text }) => () => {
    lock.lock();
    try {
      text.increment();
    } finally {
      lock.unlock();
    }
  }, { alone: false, sizes: SIZES, processes: true, read: ({ text }) => text.read() });
}

const of4 = (operation: string) => ({ operation, setting: "processes", count: 4 } as const);

/** Numbers in text files. */
export const subject: Subject = {
  name: "file_counter",
  operations: [
    on()("add", add, several),
    on({ editable: false })("add, not editable", add, several),
    on({ durable: true })("add, durable", add, several),
    // Tasks of a process that share a write and a sync.
    on({ durable: true })(
      `add, durable, by ${TASKS} tasks`,
      (counter) => () => Promise.all(Array.from({ length: TASKS }, () => counter.add())),
      { ...several, alone: false, awaited: true, per: TASKS },
    ),
    on()("add in a batch of 1,000", (counter) => {
      const batch = counter.batchSync(BATCH);
      return () => batch.add();
    }),
    textFile(TEXT, ({ folder }) => folder),
    textFile(FAST, ({ fast }) => fast),
  ],
  programs: [
    ...programsBy("c", "file", SIZES, {
      [TEXT]: "text-file",
      "add": "editable-add",
      "add, not editable": "add",
      "add, durable": "durable-add",
      [`add, durable, by ${TASKS} tasks`]: "durable-add-64",
    }),
    ...programsBy("c", "file", SIZES, { [FAST]: "text-file" }, { fast: true }),
    ...programsBy("c", "file", "alone", { "add in a batch of 1,000": "batch" }),
    ...programsBy("python", "file", SIZES, { [TEXT]: "text-file" }, { needs: "fasteners" }),
    ...programsBy("python", "file", SIZES, { [FAST]: "text-file" }, {
      needs: "fasteners",
      fast: true,
    }),
  ],
  goals: [
    ...[TEXT, FAST].flatMap((operation) => [
      claim("An increment of a text file under a FileLock costs at most 1.3 times C's")
        .about(of4(operation)).costs(1.3, { by: "c" }),
      claim(
        "An increment of a text file under a FileLock is at least 3 times faster than " +
          "Python's with fasteners",
      ).about(of4(operation)).isFaster(3, { by: "python" }),
    ]),
    claim("FileCounter.add costs at most 3 times the same calls in C")
      .about({ operation: "add", setting: "processes" }, ...SIZES).costs(3, { by: "c" }),
    claim("FileCounter.add, not editable, costs at most 3 times the same calls in C")
      .about({ operation: "add, not editable", setting: "processes" }, ...SIZES)
      .costs(3, { by: "c" }),
    claim("An add in a batch of 1,000 costs at most 3 times the same batch in C")
      .about({ operation: "add in a batch of 1,000" }).costs(3, { by: "c" }),
    claim("Durable adds of 4 processes are at least 3 times faster than one fdatasync each")
      .about(of4("add, durable")).isFaster(3, { by: "c" }),
    claim(`Durable adds of ${TASKS} tasks cost at most 3 times ${TASKS} adds with one sync in C`)
      .about(of4(`add, durable, by ${TASKS} tasks`)).costs(3, { by: "c" }),
  ].flat(),
};
