import type { Runtime } from "../../src/host/runtimes.ts";
import type { Effort } from "../effort.ts";
import type { Site } from "../site.ts";
import type { RowKey } from "../results.ts";
import { median } from "../statistics.ts";
import type { Step } from "../step.ts";
import type { Launch } from "../subjects/subject.ts";

/** Makes the step that starts programs and times them from outside. */
export function launchStep(
  row: RowKey,
  { ms, oncePerRound = false, measure }: Launch,
  runtime: Runtime,
  { launches }: Effort,
  site: Site,
): Step {
  const times = oncePerRound ? 1 : launches;
  return {
    rows: [row],
    ms: ms * times,
    async measure(take, _reverse, signal) {
      const all: (number | number[])[] = [];
      for (let i = 0; i < times; i++) {
        signal.throwIfAborted();
        all.push(await measure(runtime, site));
      }
      const samples = all.flat();
      take(row, { ns: median(samples), ...oncePerRound && { samples } });
    },
  };
}
