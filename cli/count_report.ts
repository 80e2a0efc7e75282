import type { Run } from "../src/counting/config.ts";
import colors from "../src/host/colors.ts";
import type { CountOutput } from "./count_export.ts";
import { nameOf, type Outcome, verdictOf } from "./count_outcome.ts";
import { chapterOf, errorsOf, lessonOf, searchOf } from "./count_story.ts";
import { colorOf, CountTable, type TableSize } from "./count_table.ts";
import { elide, fold, hang, pad } from "./text.ts";

/** A story for people: chapters with rows of a table, and what to take from it. */
export class CountReport implements CountOutput {
  readonly #unit: string;
  readonly #room: number;
  #table!: CountTable;
  #isFirst = true;
  #chapter = "";
  readonly #outcomes: Outcome[] = [];

  /** Makes a report for lines of up to `room` characters. */
  constructor(unit: string, room: number) {
    this.#unit = unit;
    this.#room = room;
  }

  say(text: string): string[] {
    const words = text.split(" ").map((word) => elide(word, this.#room));
    return fold(words.join(" "), this.#room);
  }

  begin(title: string, size: TableSize): string[] {
    this.#table = new CountTable(size, this.#room);
    return ["", ...this.say(title), "", ...this.#table.head.map(colors.bold)];
  }

  before(run: Run): string[] {
    const chapter = chapterOf(run, this.#unit);
    // The story is told once; the table of the runtimes together has only rows.
    if (!this.#isFirst || chapter === this.#chapter) return [];
    const lines = this.say(chapter).map(colors.cyan);
    const isFirst = this.#chapter === "";
    this.#chapter = chapter;
    return isFirst ? lines : ["", ...lines];
  }

  row(outcome: Outcome): string[] {
    if (this.#isFirst) this.#outcomes.push(outcome);
    const { run, results } = outcome;
    const verdict = verdictOf(outcome);
    const lines = results[0].search === undefined
      ? this.#table.row(outcome)
      : this.#table.text(nameOf(run), searchOf(results.at(-1)!), colors[colorOf(outcome)]);
    if (verdict === "broken") {
      const why = `${nameOf(run)} must be exact and was not: this is a fault to report.`;
      lines.push(...this.#note(why).map(colors.red));
    }
    const errors = this.#isFirst ? errorsOf(outcome) : undefined;
    if (errors === undefined) return lines;
    const { text, kinds } = errors;
    if (kinds.length === 1) {
      const [{ sample, meaning }] = kinds;
      return [...lines, ...this.#note(`${text} ${sample} is ${meaning}`)];
    }
    const width = Math.max(...kinds.map(({ sample }) => sample.length)) + 2;
    return [
      ...lines,
      ...this.#note(text),
      ...kinds.flatMap(({ sample, meaning }) =>
        fold(meaning, this.#room - width - 4).map((line, i) =>
          `    ${pad(i === 0 ? sample : "", width)}${line}`
        )
      ),
    ];
  }

  leftOut(run: Run, why: string): string[] {
    return this.#table.text(nameOf(run), `left out: ${why}`, colors.yellow);
  }

  end(): string[] {
    this.#isFirst = false;
    return [];
  }

  close(foot: string): string[] {
    return [
      ...lessonOf(this.#outcomes).flatMap(({ text, list = [] }) => [
        "",
        ...this.say(text),
        ...list.flatMap((line) => hang(line, this.#room, 2)),
      ]),
      "",
      ...this.say(foot),
    ];
  }

  #note(text: string): string[] {
    return hang(text, this.#room, 2);
  }
}
