import Table from "cli-table3";
import colors from "picocolors";
import { type Figures, median, type Outcome } from "./figures.ts";

const STYLE = { head: [], border: [], compact: true };

/** Every figure: the median of its rounds, and the least and the most. */
export function figuresTable(figures: Iterable<Figures>): string {
  const table = new Table({
    head: ["subject", "median", "least", "most", "unit"],
    colAligns: ["left", "right", "right", "right", "left"],
    style: STYLE,
  });
  for (const { subject, rounds } of figures) {
    const values = [median(rounds), Math.min(...rounds), Math.max(...rounds)];
    table.push([subject.name, ...values.map(format), subject.unit]);
  }
  return table.toString();
}

/** The goals against what was measured. */
export function goalsTable(
  outcomes: readonly Outcome[],
  rounds: (outcome: Outcome) => readonly number[],
): string {
  const table = new Table({
    head: ["subject", "goal", "measured", "least to most", ""],
    colAligns: ["left", "right", "right", "right", "left"],
    style: STYLE,
  });
  for (const outcome of outcomes) {
    const { goal: { subject, limit }, measured, met } = outcome;
    const all = rounds(outcome);
    const fixed = "at" in limit;
    table.push([
      subject.name,
      fixed ? `${format(limit.at)} ${subject.unit}` : `${limit.times} x ${othersName(outcome)}`,
      fixed ? `${format(measured)} ${subject.unit}` : `${measured.toFixed(2)} x`,
      `${format(Math.min(...all))} to ${format(Math.max(...all))} ${subject.unit}`,
      met ? colors.green("met") : colors.red("NOT MET"),
    ]);
  }
  return table.toString();
}

function othersName({ goal: { limit } }: Outcome): string {
  if ("at" in limit) return "";
  const { name } = limit.of;
  if (!name.endsWith(", C")) return name.startsWith("mutex") ? "the few" : "the empty programs";
  return name.startsWith("mutex") || name.startsWith("robust") ? `C's ${name.split(",")[0]}` : "C";
}

function format(value: number): string {
  const digits = value < 100 ? 1 : 0;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
