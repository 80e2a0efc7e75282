import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCount } from "../../src/counting/config.ts";
import { runStrategy } from "../../src/counting/run.ts";
import type { Runtime } from "../../src/host/runtimes.ts";
import { bareCommandOf, commandOf, timeOf } from "../launch.ts";
import type { Subject } from "./subject.ts";

const WORKERS = 4;
const START = `start and end of ${WORKERS} workers`;
const COMMAND = "command under a file lock";
const CLI = new URL("../../cli/main.ts", import.meta.url);
const EMPTY = new URL("../launched/empty.ts", import.meta.url);
const IMPORTING = new URL("../launched/importing.ts", import.meta.url);
const never = new AbortController().signal;

/** Measures a count without its counting and warming up. */
async function startOfWorkers(runtime: Runtime): Promise<number> {
  const config = parseCount({ workers: WORKERS, increments: 1000, warm: false }, "the benchmark");
  const run = { strategy: "atomic", runtimes: [runtime] } as const;
  const { totalMs, countingMs } = await runStrategy(run, config, never, () => {});
  return (totalMs - countingMs) * 1e6;
}

async function emptyProgramsInTurn(runtime: Runtime): Promise<number> {
  let ns = 0;
  for (let i = 0; i < WORKERS; i++) ns += await timeOf(bareCommandOf(runtime, EMPTY));
  return ns;
}

/** Runs `true` under a lock on a new file, with the command of `lockBy`. */
async function commandUnderLock(lockBy: (file: string) => string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "interlock-bench-"));
  try {
    return await timeOf(lockBy(join(folder, "lock")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The start of programs, and what Interlock adds to it. */
export const subject: Subject = {
  name: "start_up",
  launches: [
    { name: START, setting: "processes", count: WORKERS, ms: 250, measure: startOfWorkers },
    {
      name: START,
      by: "empty program",
      setting: "processes",
      count: WORKERS,
      ms: 200,
      measure: emptyProgramsInTurn,
    },
    {
      name: "import",
      setting: "alone",
      count: 1,
      ms: 80,
      measure: (runtime) => timeOf(bareCommandOf(runtime, IMPORTING)),
    },
    {
      name: "import",
      by: "empty program",
      setting: "alone",
      count: 1,
      ms: 50,
      measure: (runtime) => timeOf(bareCommandOf(runtime, EMPTY)),
    },
    {
      name: COMMAND,
      setting: "alone",
      count: 1,
      ms: 150,
      measure: (runtime) =>
        commandUnderLock((file) => commandOf(runtime, CLI, "lock", file, "--", "true")),
    },
    {
      name: COMMAND,
      by: "flock",
      setting: "alone",
      count: 1,
      ms: 10,
      anyRuntime: true,
      measure: () => commandUnderLock((file) => ["flock", file, "true"]),
    },
  ],
  goals: [
    {
      claim: "4 workers start and end in the time of as many empty programs, one after the other",
      kind: "at most times",
      goal: 1,
      row: { operation: START },
      of: { by: "empty program" },
    },
  ],
};
