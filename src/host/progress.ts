import { SingleBar } from "cli-progress";
import process from "node:process";

/** The room of the percentage and of what is under way. */
const TEXT_ROOM = 45;

/** A progress bar on the standard error, if that is a terminal. It leaves room for the text. */
export function progressBar(format = "{bar} {percentage}% {what}"): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  const barsize = Math.max(5, Math.min(40, (process.stderr.columns || 80) - TEXT_ROOM));
  return new SingleBar({
    format,
    barsize,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
}

/** A progress bar below lines that are printed meanwhile: it is hidden before each. */
export class Progress {
  readonly #bar: SingleBar | undefined = progressBar();
  readonly #total: number;
  #done = 0;

  /** Makes the bar of a number of steps. */
  constructor(total: number) {
    this.#total = total;
  }

  /** Shows the bar, with what is under way. */
  show(what: string): void {
    this.#bar?.start(this.#total, this.#done, { what });
  }

  /** Counts steps as done. */
  add(steps: number): void {
    this.#done += steps;
    this.#bar?.update(this.#done);
  }

  /** Removes the bar from the terminal. */
  hide(): void {
    this.#bar?.stop();
  }
}
