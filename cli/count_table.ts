import Table from "cli-table3";
import colors from "../src/host/colors.ts";
import type { CountResult } from "../src/counting/result.ts";

/** The blocks of the longest bar: a nanosecond. The shortest is half a millisecond or more. */
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

/** What a terminal that is too narrow does not show, in this order: `errors` are in the notes too. */
const OPTIONAL = ["speed (log)", "counting ms", "expected", "errors"];

/** A column: the width of its longest possible text, and the text of a result. */
interface Column {
  readonly width: number;
  readonly isText?: boolean;
  textOf(result: CountResult): string;
}

/**
 * A table that shows each row at once, before the later ones are known. So its columns have the
 * width of the longest possible text, and its bars a fixed scale: each block halves the cost.
 */
export class CountTable {
  readonly results: CountResult[] = [];
  readonly #columns: readonly Column[];
  readonly #table: Table.Table;

  /**
   * Makes a table for these strategies, which count up to `most`.
   *
   * @param room The characters in a line of the terminal. Default: enough for all columns.
   */
  constructor(strategies: readonly string[], most: number, room = Infinity) {
    const digits = format(-most).length;
    const columns = new Map<string, Column>(Object.entries(
      {
        strategy: {
          width: Math.max(...strategies.map(({ length }) => length)),
          isText: true,
          textOf: ({ strategy }) => strategy,
        },
        expected: { width: digits, textOf: ({ expected }) => format(expected) },
        actual: { width: digits, textOf: ({ actual }) => format(actual) },
        lost: { width: digits, textOf: ({ lost }) => format(lost) },
        errors: { width: digits, textOf: ({ errors }) => format(errors) },
        "counting ms": { width: 11, textOf: ({ countingMs }) => format(countingMs, 1) },
        "ns/increment": {
          width: 12,
          textOf: ({ nsPerIncrement }) => format(nsPerIncrement, nsPerIncrement < 100 ? 1 : 0),
        },
        "speed (log)": {
          width: BAR,
          isText: true,
          textOf: ({ nsPerIncrement }) => bar(nsPerIncrement),
        },
        verdict: {
          width: `GAINED ${format(most)} updates`.length,
          isText: true,
          textOf: (result) => paint(result)(verdictOf(result)),
        },
      } satisfies Record<string, Column>,
    ));
    const widths = () => [...columns].map(([head, { width }]) => Math.max(head.length, width) + 2);
    const lineWidth = () => widths().reduce((sum, width) => sum + width + 1, 1);
    for (const head of OPTIONAL) if (lineWidth() > room) columns.delete(head);
    this.#columns = [...columns.values()];
    this.#table = new Table({
      head: [...columns.keys()],
      colWidths: widths(),
      colAligns: this.#columns.map(({ isText }) => isText ? "left" : "right"),
      style: { head: [], border: [], compact: true },
    });
  }

  /** Adds a result; returns the lines to print: its row, before the first one also the head. */
  add(result: CountResult): string {
    const isFirst = this.results.push(result) === 1;
    this.#table.push(this.#columns.map(({ textOf }) => textOf(result)));
    return this.#lines.slice(isFirst ? 0 : -2, -1).join("\n");
  }

  /** The line below the last row. */
  get end(): string {
    return this.#lines.at(-1)!;
  }

  get #lines(): string[] {
    return this.#table.toString().split("\n");
  }
}

/** Notes below the table: the prime search, and texts that were no number. */
export function notesOf(results: readonly CountResult[]): string[] {
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

function bar(cost: number): string {
  return "█".repeat(Math.min(BAR, Math.max(1, BAR - Math.round(Math.log2(cost)))));
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
