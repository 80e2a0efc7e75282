import { type Row, rowId, type RowKey, type Verdict } from "./results.ts";
import { median } from "./statistics.ts";
import type { Goal, Subject } from "./subjects/subject.ts";

/** Judges all goals whose rows, and whose rivals' rows, were measured. */
export function verdictsOf(subjects: readonly Subject[], rows: readonly Row[]): Verdict[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return subjects.flatMap(({ name, goals }) =>
    goals.flatMap((goal) =>
      rows
        .filter((row) => row.subject === name && row.by === "interlock" && isAbout(goal, row))
        .flatMap((row) => verdictOn(goal, row, byId) ?? [])
    )
  );
}

function isAbout({ row: wanted }: Goal, row: RowKey): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const found = row[key as keyof RowKey];
    return Array.isArray(value) ? value.includes(found) : value === found;
  });
}

function verdictOn(
  { claim, kind, goal, of, percentile }: Goal,
  row: Row,
  byId: ReadonlyMap<string, Row>,
): Verdict | undefined {
  // The rival's row of the same runtime, or its row without a runtime.
  const rival = of && (byId.get(rowId({ ...row, ...of })) ??
    byId.get(rowId({ ...row, ...of, runtime: undefined })));
  if (of !== undefined && rival === undefined) return undefined;
  const ratios = row.rounds.map((ns, i) =>
    kind === "at least times faster" ? rival!.rounds[i] / ns : ns / (rival?.rounds[i] ?? 1)
  );
  const measured = percentile === undefined
    ? median(ratios)
    : row.latency![percentile] / (rival?.latency?.[percentile] ?? 1);
  const met = kind === "at least times faster" ? measured >= goal : measured <= goal;
  return { claim, row: row.id, ...rival && { of: rival.id }, goal, kind, measured, met };
}
