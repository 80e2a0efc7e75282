import type { Runtime } from "../../src/counting/runtimes.ts";
import type { Effort } from "../effort.ts";
import { commandOf, launch } from "../launch.ts";
import type { RunFolders } from "../run_folders.ts";
import type { RowKey } from "../results.ts";
import type { Figure, Step } from "../step.ts";
import type { CaseSpec } from "./case.ts";

const CASE = new URL("./case.ts", import.meta.url);
const START_MS = 130;
/** Mitata takes so many times the processor time it is asked for. */
const OVERHEAD = 1.6;

/** The step that measures one operation in one thread of a runtime. */
export function aloneStep(
  row: RowKey,
  runtime: Runtime,
  { alone: ms }: Effort,
  folders: RunFolders,
  packages: string | undefined,
): Step {
  return {
    rows: [row],
    ms: START_MS + OVERHEAD * ms,
    todo: row.by === "interlock" ? undefined : `look at ${row.by} in the other runtimes`,
    async measure(take, _reverse, signal) {
      using own = folders.make();
      const spec: CaseSpec = { row, folders: own, packages, ms };
      const out = await launch(commandOf(runtime, CASE, JSON.stringify(spec)), { signal });
      take(row, JSON.parse(out) as Figure);
    },
  };
}
