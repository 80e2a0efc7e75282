import type { Effort } from "../effort.ts";
import { launch } from "../launch.ts";
import type { RowKey } from "../results.ts";
import type { RunSite } from "../run_site.ts";
import { median } from "../statistics.ts";
import type { Figure, Step } from "../step.ts";
import type { Program } from "../subjects/subject.ts";
import { HOLD } from "../together/relay.ts";
import { leadOf } from "../together/step.ts";

/** A program that measures, and the versions of its compiler or interpreter. */
export interface Binary {
  readonly command: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
}

/** The time to start a program, in milliseconds. */
const START_MS = { c: 5, python: 120 } as const;

/** Makes the step that measures an operation with a program in C or Python. */
export function programStep(
  row: RowKey,
  { by, program, sizes, fast = false }: Program,
  { command }: Binary,
  effort: Effort,
  site: RunSite,
): Step {
  const relay = sizes === "relay";
  const lead = leadOf(row.count, effort);
  const args = relay
    ? ["relay", program, effort.turns, HOLD]
    : [...by === "c" ? ["window"] : [], program, row.count, lead * 1e6, effort.window * 1e6];
  return {
    rows: [row],
    ms: START_MS[by] + (relay ? effort.turns * (HOLD + 30_000) / 1e6 : lead + effort.window),
    async measure(take, _reverse, signal) {
      using own = site.make();
      const folder = fast ? own.fast : own.temporary;
      const out = await launch([...command, ...args.map(String), folder], { signal });
      const { ns, samples } = JSON.parse(out) as Partial<Figure>;
      take(row, samples === undefined ? { ns: ns! } : { ns: median(samples), samples });
    },
  };
}
