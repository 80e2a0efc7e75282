import { type Row, rowId, type RowKey, type Verdict } from "./results.ts";
import { median } from "./statistics.ts";
import type { Goal, Subject } from "./subjects/subject.ts";

/** Judges all goals whose rows, and whose rivals' rows, were measured. */
export function verdictsOf(subjects: readonly Subject[], rows: readonly Row[]): Verdict[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return subjects.flatMap(({ name, goals }) =>
    goals.flatMap((goal) =>
      rows
        .filter((row) => row.subject === name && row.by === "interlock" && has(row, goal.row))
        .flatMap((row) => verdictOn(goal, row, byId) ?? [])
    )
  );
}

function has(row: RowKey, parts: Partial<RowKey>): boolean {
  return Object.entries(parts).every(([name, value]) => row[name as keyof RowKey] === value);
}

function verdictOn(
  { claim, kind, goal, of, percentile }: Goal,
  row: Row,
  byId: ReadonlyMap<string, Row>,
): Verdict | undefined {
  const rival = of && rivalOf(row, of, byId);
  if (of !== undefined && rival === undefined) return undefined;
  const measured = percentile === undefined
    ? measuredFor(kind, row, rival)
    : row.latency![percentile];
  const met = kind === "at least times faster" ? measured >= goal : measured <= goal;
  return {
    claim,
    row: row.id,
    ...rival && { of: rival.id },
    goal,
    kind,
    measured,
    met,
  };
}

/** The rival's row of the same runtime, or its row without a runtime. */
function rivalOf(
  row: Row,
  of: Partial<RowKey>,
  byId: ReadonlyMap<string, Row>,
): Row | undefined {
  const key = { ...row, ...of };
  return byId.get(rowId(key)) ?? byId.get(rowId({ ...key, runtime: undefined }));
}

/** The median over the rounds. */
function measuredFor(kind: Verdict["kind"], row: Row, rival: Row | undefined): number {
  if (rival === undefined) return row.median;
  const ratios = row.rounds.map((ns, i) => ns / rival.rounds[i]);
  return median(kind === "at least times faster" ? ratios.map((ratio) => 1 / ratio) : ratios);
}
