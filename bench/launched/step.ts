import type { Runtime } from "../../src/counting/runtimes.ts";
import type { Effort } from "../effort.ts";
import type { RowKey } from "../results.ts";
import { median } from "../statistics.ts";
import type { Step } from "../step.ts";
import type { Launch } from "../subjects/subject.ts";

/** The step that starts programs and times them from outside. */
export function launchStep(
  row: RowKey,
  { ms, measure }: Launch,
  runtime: Runtime,
  { launches }: Effort,
): Step {
  return {
    rows: [row],
    ms: ms * launches,
    async measure(take, _reverse, signal) {
      const all: number[] = [];
      for (let i = 0; i < launches; i++) {
        signal.throwIfAborted();
        all.push(await measure(runtime));
      }
      take(row, { ns: median(all) });
    },
  };
}
