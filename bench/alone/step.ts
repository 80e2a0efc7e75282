import type { Runtime } from "../../src/host/runtimes.ts";
import type { Effort } from "../effort.ts";
import { commandOf, launch } from "../launch.ts";
import type { RunSite } from "../run_site.ts";
import type { RowKey } from "../results.ts";
import type { Figure, Step } from "../step.ts";
import type { CaseSpec } from "./case.ts";

const CASE = new URL("./case.ts", import.meta.url);
const START_MS = 100;
/** The time that mitata takes, divided by the requested processor time. */
const OVERHEAD = 1.6;

/** Makes the step that measures one operation in one thread of a runtime. */
export function aloneStep(
  row: RowKey,
  runtime: Runtime,
  { alone: ms }: Effort,
  site: RunSite,
): Step {
  return {
    rows: [row],
    ms: START_MS + OVERHEAD * ms,
    todo: row.by === "interlock" ? undefined : `see ${row.by} in the other runtimes`,
    async measure(take, _reverse, signal) {
      using own = site.make();
      const spec: CaseSpec = { row, site: own, ms };
      const out = await launch(commandOf(runtime, CASE, JSON.stringify(spec)), { signal });
      take(row, JSON.parse(out) as Figure);
    },
  };
}
