import process from "node:process";
import { createInterface } from "node:readline/promises";
import { adapter } from "../../src/runtime/mod.ts";
import { Interruption } from "../interruption.ts";
import { UsageError } from "../usage_error.ts";
import { type Need, type Reach, RUNTIMES, type Survival } from "./candidate.ts";
import type { Wish } from "./decide.ts";
import { rateOf, USUAL } from "./rate.ts";

/** Asks on the terminal for what is not given; an empty answer is the first choice. */
export async function ask(given: Partial<Wish>, signal: AbortSignal): Promise<Wish> {
  using terminal = new Terminal(signal);
  const need = given.need ?? await terminal.choose<Need>("What do you need?", [
    ["counter", "a number that many add to"],
    ["lock", "a lock: one at a time"],
  ]);
  const reach = given.reach ?? await terminal.choose<Reach>("Who shares it?", [
    ["machine", "several processes of one machine"],
    ["process", "the workers of one process"],
    ["network", "programs on several machines"],
  ]);
  const survives = given.survives ?? await terminal.choose<Survival>("What must it outlive?", [
    ["nothing", "nothing: it may go with the program"],
    ["crash", "a process that is killed"],
    ["power", "the loss of power"],
  ]);
  const what = need === "counter" ? "increments" : "holds";
  const rate = given.rate ?? await terminal.number(`How many ${what} a second, all together?`);
  const runtime = given.runtime ?? await terminal.choose(
    "In which runtime?",
    [adapter.name, ...RUNTIMES.filter((name) => name !== adapter.name)]
      .map((name) => [name, name] as const),
  );
  return { need, reach, survives, rate, runtime };
}

class Terminal implements Disposable {
  readonly #lines = createInterface({ input: process.stdin, output: process.stdout });
  readonly #closed = new AbortController();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = AbortSignal.any([signal, this.#closed.signal]);
    this.#lines.on("SIGINT", () => this.#closed.abort(new Interruption("SIGINT")));
    this.#lines.on("close", () => {
      this.#closed.abort(new UsageError("Cannot advise: the input ended before the last answer"));
    });
  }

  async choose<T extends string>(
    question: string,
    choices: readonly (readonly [T, string])[],
  ): Promise<T> {
    const list = choices.map(([, text], i) => `  ${i + 1}  ${text}\n`).join("");
    for (;;) {
      const answer = await this.#ask(`${question}\n${list}> `);
      const choice = choices[answer === "" ? 0 : Number(answer) - 1];
      if (choice !== undefined) return choice[0];
      process.stdout.write(`A number from 1 to ${choices.length}, please.\n`);
    }
  }

  async number(question: string): Promise<number> {
    for (;;) {
      const answer = await this.#ask(`${question} (${USUAL.rate})\n> `);
      const value = answer === "" ? USUAL.rate : rateOf(answer);
      if (value !== undefined) return value;
      process.stdout.write("A number above 0, please.\n");
    }
  }

  async #ask(text: string): Promise<string> {
    try {
      return (await this.#lines.question(text, { signal: this.#signal })).trim();
    } catch (error) {
      this.#signal.throwIfAborted(); // Its reason says more.
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#lines.close();
  }
}
