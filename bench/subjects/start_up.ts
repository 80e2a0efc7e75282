import { join } from "node:path";
import { parseCount } from "../../src/counting/config.ts";
import { runStrategy } from "../../src/counting/run.ts";
import { commandOf } from "../../src/host/children.ts";
import { launched, timeOf } from "../launch.ts";
import { makeSite } from "../site.ts";
import { claim, type Launch, type Subject } from "./subject.ts";

const WORKERS = 4;
const START = `start and end of ${WORKERS} workers`;
const COMMAND = "command under a file lock";
const CLI = new URL("../../cli/main.ts", import.meta.url);
const EMPTY = new URL("../programs/empty.ts", import.meta.url);
const IMPORTING = new URL("../programs/importing.ts", import.meta.url);

/** Measures a count without its counting and warming up. */
async function startOfWorkers({ runtime, signal }: Launch): Promise<number> {
  const config = parseCount({ workers: WORKERS, increments: 1000, warm: false }, "the benchmark");
  const run = {
    strategy: "atomic",
    runtimes: [runtime],
    workers: WORKERS,
    granularity: "increment",
  } as const;
  const { totalMs, countingMs } = await runStrategy(run, config, signal);
  return (totalMs - countingMs) * 1e6;
}

const timeBare = (program: URL) => ({ runtime }: Launch) =>
  timeOf(commandOf(runtime, program, false));

async function emptyProgramsInTurn(launch: Launch): Promise<number> {
  let ns = 0;
  for (let i = 0; i < WORKERS; i++) ns += await timeBare(EMPTY)(launch);
  return ns;
}

/** Runs `true` under a lock on a new file, with the command of `lockBy`. */
const underLock =
  (lockBy: (file: string, launch: Launch) => string[]) => async (launch: Launch) => {
    using site = makeSite(launch.site);
    return await timeOf(lockBy(join(site.temporary, "lock"), launch));
  };
const byCli = underLock((file, { runtime }) =>
  commandOf(runtime, CLI, true, "lock", file, "--", "true")
    .filter((arg) => arg !== "--no-lock") // Users have one.
);
const byFlock = underLock((file) => ["flock", file, "true"]);

const started = { name: START, inEach: true, sizes: [WORKERS] };
const imported = { name: "import", inEach: true };
const by = "empty program";

/** The start of programs, and what Interlock adds to it. */
export const subject: Subject = {
  name: "start_up",
  programs: [
    { ...started, ...launched(250, startOfWorkers) },
    { ...started, by, ...launched(200, emptyProgramsInTurn) },
    { ...imported, ...launched(80, timeBare(IMPORTING)) },
    { ...imported, by, ...launched(50, timeBare(EMPTY)) },
    { name: COMMAND, inEach: true, ...launched(150, byCli) },
    { name: COMMAND, by: "flock", ...launched(10, byFlock) },
  ],
  goals: [
    claim("4 workers start and end in the time of as many empty programs, one after the other")
      .about({ operation: START }).costs(1, { by }),
  ],
};
