import type { Run } from "../src/counting/config.ts";
import { describeMachine } from "../src/host/machine.ts";
import { costOf, format, lossOf, nameOf, type Outcome, verdictOf } from "./count_outcome.ts";
import type { TableSize } from "./count_table.ts";

/** Formats what a count finds out; each method returns the lines to print now. */
export interface CountOutput {
  /** A line for people, such as the version of a runtime. */
  say?(text: string): string[];
  /** Before the experiments of a part, on the same runtimes. */
  begin?(title: string, size: TableSize): string[];
  /** Before an experiment. */
  before?(run: Run): string[];
  /** After each run of an experiment: its results so far. */
  result?(outcome: Outcome): string[];
  /** After an experiment, or as much of it as was done. */
  row?(outcome: Outcome): string[];
  /** Instead of an experiment that cannot run here. */
  leftOut?(run: Run, why: string): string[];
  /** After a part. */
  end?(): string[];
  /** At the end; `foot` tells on what all was measured. */
  close?(foot: string): string[];
}

/** Lines of JSON, one for each run. */
export class JsonOutput implements CountOutput {
  readonly #machine = describeMachine();

  result(outcome: Outcome): string[] {
    const { results } = outcome;
    const statistics = results.length > 1
      ? { runs: results.length, nsPerIncrement: costOf(outcome), lost: lossOf(outcome) }
      : undefined;
    return [JSON.stringify({ ...results.at(-1), machine: this.#machine, statistics })];
  }
}

const CSV_HEAD =
  "strategy,mean_ns,stddev_ns,median_ns,min_ns,max_ns,runs,granularity,unit,runtimes," +
  "workers,increments,expected,lost_mean,lost_min,lost_max,errors,verdict";

/** Comma-separated values, one line for each experiment. */
export class CsvOutput implements CountOutput {
  #hasHead = false;

  begin(): string[] {
    if (this.#hasHead) return [];
    this.#hasHead = true;
    return [CSV_HEAD];
  }

  row(outcome: Outcome): string[] {
    const { results } = outcome;
    const [{ strategy, granularity, unit, runtimes, workers, increments, expected }] = results;
    const cost = costOf(outcome);
    const loss = lossOf(outcome);
    const errors = results.reduce((sum, one) => sum + one.errors, 0);
    // No value contains a comma or a quote.
    return [[
      ...[strategy, cost.mean, cost.deviation, cost.median, cost.least, cost.most, results.length],
      ...[granularity, unit, runtimes.join(" "), workers, increments, expected],
      ...[loss.mean, loss.least, loss.most, errors, verdictOf(outcome)],
    ].join(",")];
  }
}

/**
 * A Markdown table for each part; it is printed at its end, with the costs relative to the least.
 */
export class MarkdownOutput implements CountOutput {
  #outcomes: Outcome[] = [];
  #left: string[] = [];
  #isFirst = true;

  row(outcome: Outcome): string[] {
    this.#outcomes.push(outcome);
    return [];
  }

  leftOut(run: Run, why: string): string[] {
    this.#left.push(`| \`${nameOf(run)}\` | | | | | | | left out: ${why} |`);
    return [];
  }

  end(): string[] {
    const exact = this.#outcomes.filter((outcome) =>
      verdictOf(outcome) === "exact" && isCounted(outcome)
    );
    const least = Math.min(...exact.map((outcome) => costOf(outcome).mean));
    const lines = [
      ...this.#isFirst ? [] : [""],
      "| Strategy | Increments | Mean [ns] | Min [ns] | Max [ns] | Relative | Lost | Verdict |",
      "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | :--- |",
      ...this.#outcomes.map((outcome) => markdownRow(outcome, least)),
      ...this.#left,
    ];
    this.#isFirst = false;
    this.#outcomes = [];
    this.#left = [];
    return lines;
  }
}

function isCounted({ run }: Outcome): boolean {
  return run.strategy !== "flag";
}

function markdownRow(outcome: Outcome, least: number): string {
  const { run, results } = outcome;
  const { mean, deviation, least: min, most } = costOf(outcome);
  const figure = (ns: number) => format(ns, 1);
  const isFlag = !isCounted(outcome);
  const cells = [
    `\`${nameOf(run)}\``,
    isFlag ? "" : `${run.workers} x ${format(results[0].increments)}`,
    results.length > 1 ? `${figure(mean)} ± ${figure(deviation)}` : figure(mean),
    figure(min),
    figure(most),
    isFlag || !Number.isFinite(least) ? "" : format(mean / least, 2),
    format(lossOf(outcome).mean),
    verdictOf(outcome),
  ];
  return `| ${cells.join(" | ")} |`;
}
