import { join } from "node:path";
import { parseCount } from "../../src/counting/config.ts";
import { runStrategy } from "../../src/counting/run.ts";
import { commandOf } from "../../src/host/child.ts";
import type { Runtime } from "../../src/host/runtimes.ts";
import { timeOf } from "../launch.ts";
import { makeSite } from "../site.ts";
import { claim, type Subject } from "./subject.ts";

const WORKERS = 4;
const START = `start and end of ${WORKERS} workers`;
const COMMAND = "command under a file lock";
const CLI = new URL("../../cli/main.ts", import.meta.url);
const EMPTY = new URL("../programs/empty.ts", import.meta.url);
const IMPORTING = new URL("../programs/importing.ts", import.meta.url);
const never = new AbortController().signal;

/** Measures a count without its counting and warming up. */
async function startOfWorkers(runtime: Runtime): Promise<number> {
  const config = parseCount({ workers: WORKERS, increments: 1000, warm: false }, "the benchmark");
  const run = { strategy: "atomic", runtimes: [runtime] } as const;
  const { totalMs, countingMs } = await runStrategy(run, config, never, () => {});
  return (totalMs - countingMs) * 1e6;
}

const timeBare = (program: URL) => (runtime: Runtime) => timeOf(commandOf(runtime, program, false));

async function emptyProgramsInTurn(runtime: Runtime): Promise<number> {
  let ns = 0;
  for (let i = 0; i < WORKERS; i++) ns += await timeBare(EMPTY)(runtime);
  return ns;
}

/** Runs `true` under a lock on a new file, with the command of `lockBy`. */
async function commandUnderLock(lockBy: (file: string) => string[]): Promise<number> {
  using site = makeSite();
  return await timeOf(lockBy(join(site.temporary, "lock")));
}

/** The start of programs, and what Interlock adds to it. */
export const subject: Subject = {
  name: "start_up",
  launches: [
    { name: START, processes: WORKERS, ms: 250, measure: startOfWorkers },
    {
      name: START,
      by: "empty program",
      processes: WORKERS,
      ms: 200,
      measure: emptyProgramsInTurn,
    },
    { name: "import", ms: 80, measure: timeBare(IMPORTING) },
    { name: "import", by: "empty program", ms: 50, measure: timeBare(EMPTY) },
    {
      name: COMMAND,
      ms: 150,
      measure: (runtime) =>
        commandUnderLock((file) =>
          commandOf(runtime, CLI, true, "lock", file, "--", "true")
            .filter((arg) => arg !== "--no-lock") // Users have one.
        ),
    },
    {
      name: COMMAND,
      by: "flock",
      ms: 10,
      anyRuntime: true,
      measure: () => commandUnderLock((file) => ["flock", file, "true"]),
    },
  ],
  goals: claim("4 workers start and end in the time of as many empty programs, one after the other")
    .about({ operation: START }).measures(1, { by: "empty program" }),
};
