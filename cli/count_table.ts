import Table from "cli-table3";
import colors from "picocolors";
import type { CountConfig } from "../src/counting/config.ts";
import type { CountResult } from "../src/counting/result.ts";

const BAR = 20;

/** `exact`, or how many updates were lost. */
export function verdictOf({ strategy, exact, lost }: CountResult): string {
  if (lost === 0) return exact ? "exact" : "exact this time";
  if (strategy === "flag") return "WRONG answer";
  return `${lost > 0 ? "LOST" : "GAINED"} ${format(Math.abs(lost))} updates`;
}

/** Whether a strategy that must be exact was not. */
export function isFailure({ exact, lost }: CountResult): boolean {
  return exact && lost !== 0;
}

/** Formats the results of some runs: a title, the table and its notes. */
export function reportOf(
  results: readonly CountResult[],
  runtimes: readonly string[],
  { workers, increments, unit }: CountConfig,
): string {
  const title = `${workers} ${unit === "process" ? "processes" : "Web Workers"} x ` +
    `${format(increments)} increments on ${runtimes.join(", ")}`;
  return ["", title, tableOf(results), ...notesOf(results)].join("\n");
}

/** Formats the results as a table. */
function tableOf(results: readonly CountResult[]): string {
  const table = new Table({
    head: [
      "strategy",
      "expected",
      "actual",
      "lost",
      "errors",
      "counting ms",
      "ns/increment",
      "speed (log)",
      "verdict",
    ],
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "left", "left"],
    style: { head: [], border: [], compact: true },
  });
  const costs = results.map(({ nsPerIncrement }) => nsPerIncrement);
  const fastest = Math.min(...costs);
  const slowest = Math.max(...costs);
  for (const result of results) {
    table.push([
      result.strategy,
      format(result.expected),
      format(result.actual),
      format(result.lost),
      format(result.errors),
      format(result.countingMs, 1),
      format(result.nsPerIncrement, result.nsPerIncrement < 100 ? 1 : 0),
      bar(result.nsPerIncrement, fastest, slowest),
      paint(result)(verdictOf(result)),
    ]);
  }
  return table.toString();
}

/** Notes below the table: the prime search, and texts that were no number. */
function notesOf(results: readonly CountResult[]): string[] {
  return results.flatMap(({ strategy, search, errors, errorSamples, nsPerIncrement }) => {
    const notes: string[] = [];
    if (search !== undefined) {
      notes.push(
        `${strategy}: the search took ${format(search.serialMs, 1)} ms with one worker, ` +
          `${format(search.noFlagMs, 1)} ms with all workers, ${format(search.flagMs, 1)} ms ` +
          `with all workers and the flag; a read of the flag took ${format(nsPerIncrement, 1)} ns`,
      );
    }
    if (errors > 0) {
      const samples = [...new Set(errorSamples)].map((text) => JSON.stringify(text)).join(", ");
      notes.push(
        `${strategy}: reads that gave no number: ${format(errors)}, for example ${samples}`,
      );
    }
    return notes;
  });
}

function bar(cost: number, fastest: number, slowest: number): string {
  const share = slowest > fastest ? Math.log(slowest / cost) / Math.log(slowest / fastest) : 1;
  return "█".repeat(1 + Math.round(share * (BAR - 1)));
}

function paint(result: CountResult): (text: string) => string {
  if (isFailure(result)) return colors.red;
  return result.lost === 0 ? colors.green : colors.yellow;
}

function format(value: number, digits = 0): string {
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
