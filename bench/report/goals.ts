import { membersOf, type Results, type Row, type Verdict } from "../results.ts";
import { duration, SERIES_NAMES, seriesOf, times } from "./figures.ts";
import { rivalOf } from "./names.ts";

/** A claim with every result of the run about it. */
export interface Claim {
  readonly claim: string;
  readonly goal: string;
  readonly parts: readonly {
    /** The runtime or rival of the row. */
    readonly who: string;
    /** The properties that tell this row from the others of the claim. */
    readonly variant: string;
    readonly measured: string;
    readonly met: boolean;
  }[];
}

/** The properties, other than the runtime, in which the rows of one claim may differ. */
const DIFFERENCES: readonly { readonly of: (row: Row) => string }[] = [
  { of: ({ operation }) => operation },
  { of: ({ medium }) => `${medium} memory` },
  { of: (row) => row.setting === "alone" ? "alone" : membersOf(row) },
];

/** The claims in their order, each with the runtimes in which it was measured. */
export function claimsOf({ goals, rows }: Pick<Results, "goals" | "rows">): Claim[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const groups = Map.groupBy(goals, ({ claim, goal, kind }) => `${claim}/${goal}/${kind}`);
  return [...groups.values()].map((verdicts) => {
    const [first] = verdicts;
    const rival = first.of === undefined ? undefined : byId.get(first.of);
    const found = verdicts.flatMap(({ row }) => byId.get(row) ?? []);
    const differing = DIFFERENCES.filter(({ of }) => new Set(found.map(of)).size > 1);
    return {
      claim: first.claim[0].toUpperCase() + first.claim.slice(1),
      goal: goalOf(first, rival === undefined ? undefined : rivalOf(rival)),
      parts: verdicts.map((verdict) => {
        const row = byId.get(verdict.row);
        return {
          who: row === undefined ? "" : SERIES_NAMES[seriesOf(row)],
          variant: row === undefined ? "" : differing.map(({ of }) => of(row)).join(", "),
          measured: measuredOf(verdict),
          met: verdict.met,
        };
      }),
    };
  });
}

/** The parts of a claim, grouped by `variant`, in their order. */
export function partsByVariant({ parts }: Claim): [string, Claim["parts"][number][]][] {
  return [...Map.groupBy(parts, ({ variant }) => variant)];
}

/** How many goals are met, in words. */
export function standing(claims: readonly Claim[]): string {
  const met = claims.filter(({ parts }) => parts.every(({ met }) => met)).length;
  return `**${met} of ${claims.length}** goals are met in every runtime and every size in which ` +
    "they were measured.";
}

function goalOf({ goal, kind }: Verdict, rival: string | undefined): string {
  const of = rival === undefined || rival === "interlock" ? "" : ` ${rival}`;
  switch (kind) {
    case "at most ns":
      return `≤ ${duration(goal)}`;
    case "at most times":
      return `≤ ${exact(goal)}×${of}`;
    case "at least times faster":
      return `≥ ${exact(goal)}× faster${of === "" ? "" : ` than${of}`}`;
  }
}

function measuredOf({ measured, kind }: Verdict): string {
  return kind === "at most ns" ? duration(measured) : `${precise(measured)}×`;
}

/** Two decimals, since a goal may be missed by as little as that. */
function precise(ratio: number): string {
  return ratio < 9.995 ? ratio.toFixed(2) : times(ratio);
}

function exact(goal: number): string {
  return goal.toLocaleString("en", { maximumFractionDigits: 3 });
}
