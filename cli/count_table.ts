import colors from "../src/host/colors.ts";
import {
  costOf,
  format,
  formatCost,
  lossOf,
  nameOf,
  type Outcome,
  verdictOf,
} from "./count_outcome.ts";
import { fold, pad } from "./text.ts";

/** The blocks of the longest bar: a nanosecond. The shortest is half a millisecond or more. */
const BAR = 20;
/** Between two columns. */
const GAP = 2;
/** In a terminal with less room, each row is a block of lines: one for each column that 80 have. */
const LEAST_ROOM = 60;
const BLOCK = 80;

/** `exact`, or how many updates were lost, in how many runs. */
export function labelOf(outcome: Outcome): string {
  const { results } = outcome;
  const verdict = verdictOf(outcome);
  if (verdict === "exact" || verdict === "exact by luck") return verdict;
  const wrong = results.filter(({ lost }) => lost !== 0);
  const isLoss = wrong.every(({ lost }) => lost > 0);
  if (results.length > 1) {
    return `${isLoss ? "LOST" : "WRONG"} in ${wrong.length} of ${results.length}`;
  }
  return `${isLoss ? "LOST" : "GAINED"} ${format(Math.abs(wrong[0].lost))}`;
}

/** The colour of a verdict: green is only for what must be exact, and was. */
export function colorOf(outcome: Outcome): "green" | "yellow" | "red" {
  const verdict = verdictOf(outcome);
  return verdict === "exact" ? "green" : verdict === "broken" ? "red" : "yellow";
}

/** A column: the width of its longest possible text, and the text of a row. */
interface Column {
  readonly width: number;
  readonly isText?: boolean;
  textOf(outcome: Outcome): string;
}

/** What narrow terminals do not show, the least important first. */
const RANKS = [
  "speed (log)",
  "ms",
  "lost",
  "errors",
  "expected",
  "mean lost",
  "increments",
  "most",
  "least",
];

/** The size of the runs in a table. */
export interface TableSize {
  readonly names: readonly string[];
  readonly workers: number;
  /** The most increments by a worker. */
  readonly increments: number;
  readonly repeat: number;
}

/**
 * A table that shows each row at once, before the later ones are known. So its columns have the
 * width of the longest possible text, and its bars a fixed scale: each block halves the cost.
 */
export class CountTable {
  readonly #columns: ReadonlyMap<string, Column>;
  readonly #nameWidth: number;
  readonly #room: number;

  /** Makes a table for lines of up to `room` characters. */
  constructor(size: TableSize, room: number) {
    this.#room = room;
    const columns = columnsOf(size);
    this.#columns = columns;
    for (const head of RANKS) {
      if (this.#width > (this.#isBlock ? BLOCK : room)) columns.delete(head);
    }
    this.#nameWidth = columns.get("strategy")!.width + GAP;
  }

  /** The heads of the columns and a rule; nothing if a row is a block. */
  get head(): string[] {
    if (this.#isBlock) return [];
    const heads = this.#line((_, head) => head);
    return [heads, "─".repeat(this.#width)];
  }

  /** The line of a result; or its block, with a line for each column. */
  row(outcome: Outcome): string[] {
    const paint = colors[colorOf(outcome)];
    const textOf = (column: Column, head: string) =>
      head === "verdict" ? paint(column.textOf(outcome)) : column.textOf(outcome);
    if (!this.#isBlock) return [this.#line(textOf)];
    const width = Math.max(...[...this.#columns.keys()].map(({ length }) => length)) + GAP;
    return [...this.#columns].map(([head, column]) =>
      head === "strategy" ? column.textOf(outcome) : `  ${pad(head, width)}${textOf(column, head)}`
    );
  }

  /** The name of a strategy, and a text beside it, or below in a block. */
  text(name: string, text: string, paint = (line: string) => line): string[] {
    const indent = this.#isBlock ? 2 : this.#nameWidth;
    const lines = fold(text, this.#room - indent).map(paint);
    if (this.#isBlock) return [name, ...lines.map((line) => "  " + line)];
    return lines.map((line, i) => pad(i === 0 ? name : "", indent) + line);
  }

  get #width(): number {
    return [...this.#columns.values()].reduce((sum, { width }) => sum + width + GAP, -GAP);
  }

  get #isBlock(): boolean {
    return this.#room < LEAST_ROOM;
  }

  #line(textOf: (column: Column, head: string) => string): string {
    return [...this.#columns]
      .map(([head, column]) => pad(textOf(column, head), column.width, column.isText ?? false))
      .join(" ".repeat(GAP)).trimEnd();
  }
}

function columnsOf({ names, workers, increments, repeat }: TableSize): Map<string, Column> {
  const times = (workers: number, increments: number) => `${workers} x ${format(increments)}`;
  const digits = format(workers * increments).length;
  const strategy: Column = {
    width: Math.max(...names.map(({ length }) => length)),
    isText: true,
    textOf: ({ run }) => nameOf(run),
  };
  const counted: Column = {
    width: times(workers, increments).length,
    textOf: ({ run, results }) => times(run.workers, results[0].increments),
  };
  const verdict = (longest: string): Column => ({
    width: Math.max(longest.length, "exact by luck".length),
    isText: true,
    textOf: labelOf,
  });
  const nanoseconds = (pick: (outcome: Outcome) => number): Column => ({
    width: 9,
    textOf: (outcome) => formatCost(pick(outcome)),
  });
  const columns: Record<string, Column> = repeat > 1
    ? {
      strategy,
      increments: counted,
      "mean lost": { width: digits, textOf: (outcome) => format(lossOf(outcome).mean) },
      "mean (ns)": nanoseconds((outcome) => costOf(outcome).mean),
      deviation: nanoseconds((outcome) => costOf(outcome).deviation),
      least: nanoseconds((outcome) => costOf(outcome).least),
      most: nanoseconds((outcome) => costOf(outcome).most),
      verdict: verdict(`WRONG in ${repeat} of ${repeat}`),
    }
    : {
      strategy,
      increments: counted,
      expected: { width: digits, textOf: ({ results: [one] }) => format(one.expected) },
      actual: { width: digits, textOf: ({ results: [one] }) => format(one.actual) },
      lost: { width: digits, textOf: ({ results: [one] }) => format(one.lost) },
      errors: { width: 7, textOf: ({ results: [one] }) => format(one.errors) },
      ms: { width: 7, textOf: ({ results: [one] }) => format(one.countingMs) },
      "cost (ns)": nanoseconds((outcome) => costOf(outcome).mean),
      "speed (log)": {
        width: BAR,
        isText: true,
        textOf: (outcome) => bar(costOf(outcome).mean),
      },
      verdict: verdict(`LOST ${format(workers * increments)}`),
    };
  return new Map(
    Object.entries(columns).map(([head, column]) => [
      head,
      { ...column, width: Math.max(column.width, head.length) },
    ]),
  );
}

function bar(cost: number): string {
  return "█".repeat(Math.min(BAR, Math.max(1, BAR - Math.round(Math.log2(cost)))));
}
