import { membersOf, type Results, type Row, type Verdict } from "../results.ts";
import type { Answer } from "./answer.ts";
import { duration, listed, multiple, SERIES_NAMES } from "./figures.ts";
import { rivalOf } from "./names.ts";

/** The properties, other than the runtime, in which the rows of one claim may differ. */
const DIFFERENCES: readonly ((row: Row) => string)[] = [
  ({ operation }) => operation,
  ({ medium }) => `${medium} memory`,
  (row) => row.setting === "alone" ? "alone" : membersOf(row),
];

/** How many goals are met: `28 of 43`. A goal is met if no runtime and no size misses it. */
export function standing({ goals }: Pick<Results, "goals">): string {
  const all = [...Map.groupBy(goals, keyOf).values()];
  return `${all.filter((verdicts) => verdicts.every(({ met }) => met)).length} of ${all.length}`;
}

function keyOf({ claim, goal, kind }: Verdict): string {
  return `${claim}/${goal}/${kind}`;
}

/** Which goals are met? The table has a row for each claim and size. */
export function goals(results: Pick<Results, "goals" | "rows">): Answer {
  const byId = new Map(results.rows.map((row) => [row.id, row]));
  const rows = [...Map.groupBy(results.goals, keyOf).values()].flatMap((verdicts) => {
    const [first] = verdicts;
    const claim = first.claim[0].toUpperCase() + first.claim.slice(1);
    const found = verdicts.flatMap(({ row }) => byId.get(row) ?? []);
    const differing = DIFFERENCES.filter((of) => new Set(found.map(of)).size > 1);
    const variantOf = ({ row: id }: Verdict) => {
      const row = byId.get(id);
      return row === undefined ? "" : differing.map((of) => of(row)).join(", ");
    };
    const whoOf = ({ row }: Verdict) => SERIES_NAMES[byId.get(row)?.runtime ?? "mixed"];
    return [...Map.groupBy(verdicts, variantOf)].map(([variant, parts]) => [
      variant === "" ? claim : `${claim}: ${variant}`,
      goalOf(first, byId.get(first.of ?? "")),
      parts.map((part) => `${whoOf(part)} ${measuredOf(part)}`).join(", "),
      verdictOf(parts.length, parts.filter(({ met }) => !met).map(whoOf)),
    ]);
  });
  return {
    id: "goals",
    question: "Goals",
    answer: rows.length === 0 ? "This run has no goals." : `**${standing(results)}** goals are ` +
      "met in every runtime and every size in which they were measured. For the others, see " +
      "“What was tried” in docs/performance.md.",
    table: { head: ["", "goal", "measured", "verdict"], rows },
  };
}

function goalOf({ goal, kind }: Verdict, rival: Row | undefined): string {
  if (kind === "at most ns") return `≤ ${duration(goal)}`;
  const ratio = `${goal.toLocaleString("en", { maximumFractionDigits: 3 })}×`;
  const of = rival === undefined || rival.by === "interlock" ? "" : ` ${rivalOf(rival)}`;
  if (kind === "at most times") return `≤ ${ratio}${of}`;
  return `≥ ${ratio} faster${of === "" ? "" : ` than${of}`}`;
}

/** Two decimals of a ratio, since a goal may be missed by as little as that. */
function measuredOf({ measured, kind }: Verdict): string {
  if (kind === "at most ns") return duration(measured);
  return measured < 9.995 ? `${measured.toFixed(2)}×` : multiple(measured);
}

function verdictOf(count: number, missed: readonly string[]): string {
  if (missed.length === 0) return "met";
  return missed.length === count ? "**not met**" : `**not met** by ${listed(missed)}`;
}
