import { membersOf, type Results, type Row, type Verdict } from "../results.ts";
import { duration, multiple, SERIES_NAMES } from "./figures.ts";
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
const DIFFERENCES: readonly ((row: Row) => string)[] = [
  ({ operation }) => operation,
  ({ medium }) => `${medium} memory`,
  (row) => row.setting === "alone" ? "alone" : membersOf(row),
];

/** The claims in their order, each with the runtimes in which it was measured. */
export function claimsOf({ goals, rows }: Pick<Results, "goals" | "rows">): Claim[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const groups = Map.groupBy(goals, ({ claim, goal, kind }) => `${claim}/${goal}/${kind}`);
  return [...groups.values()].map((verdicts) => {
    const [first] = verdicts;
    const rival = first.of === undefined ? undefined : byId.get(first.of);
    const found = verdicts.flatMap(({ row }) => byId.get(row) ?? []);
    const differing = DIFFERENCES.filter((of) => new Set(found.map(of)).size > 1);
    return {
      claim: first.claim[0].toUpperCase() + first.claim.slice(1),
      goal: goalOf(first, rival === undefined ? undefined : rivalOf(rival)),
      parts: verdicts.map((verdict) => {
        const row = byId.get(verdict.row);
        return {
          who: row === undefined ? "" : SERIES_NAMES[row.runtime ?? "mixed"],
          variant: row === undefined ? "" : differing.map((of) => of(row)).join(", "),
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

/** How many of the goals are met: `28 of 43`. A goal is met if no runtime and no size misses it. */
export function standing(claims: readonly Claim[]): string {
  const met = claims.filter(({ parts }) => parts.every(({ met }) => met)).length;
  return `${met} of ${claims.length}`;
}

function goalOf({ goal, kind }: Verdict, rival = "interlock"): string {
  if (kind === "at most ns") return `≤ ${duration(goal)}`;
  const ratio = `${goal.toLocaleString("en", { maximumFractionDigits: 3 })}×`;
  const of = rival === "interlock" ? "" : ` ${rival}`;
  if (kind === "at most times") return `≤ ${ratio}${of}`;
  return `≥ ${ratio} faster${of === "" ? "" : ` than${of}`}`;
}

/** Two decimals of a ratio, since a goal may be missed by as little as that. */
function measuredOf({ measured, kind }: Verdict): string {
  if (kind === "at most ns") return duration(measured);
  return measured < 9.995 ? `${measured.toFixed(2)}×` : multiple(measured);
}
