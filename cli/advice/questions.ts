import process from "node:process";
import { createInterface } from "node:readline/promises";
import { adapter } from "../../src/runtime/mod.ts";
import { Interruption } from "../../src/host/interruption.ts";
import { UsageError } from "../../src/host/usage_error.ts";
import { type Need, type Reach, RUNTIMES, type Survival } from "../../src/advice/candidate.ts";
import type { Wish } from "../../src/advice/decide.ts";
import { DEFAULTS, rateOf } from "./rate.ts";

/** Asks on the terminal for missing requirements; an empty answer is the first choice. */
export async function ask(given: Partial<Wish>, signal: AbortSignal): Promise<Wish> {
  using terminal = new Terminal(signal);
  const need = given.need ?? await terminal.choose<Need>("What do you need?", [
    ["counter", "a counter"],
    ["lock", "a lock"],
  ]);
  const reach = given.reach ?? await terminal.choose<Reach>("Who shares it?", [
    ["machine", "processes on one machine"],
    ["process", "the workers of one process"],
    ["network", "programs on several machines"],
  ]);
  const survives = given.survives ?? await terminal.choose<Survival>("What must it survive?", [
    ["nothing", "nothing: it may be lost with the program"],
    ["crash", "a killed process"],
    ["power", "a power loss"],
  ]);
  const what = need === "counter" ? "increments" : "holds";
  const rate = given.rate ??
    await terminal.number(`How many ${what} per second, all processes together?`);
  const runtime = given.runtime ?? await terminal.choose(
    "Which runtime?",
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
      process.stdout.write(`Enter a number from 1 to ${choices.length}.\n`);
    }
  }

  async number(question: string): Promise<number> {
    for (;;) {
      const answer = await this.#ask(`${question} (${DEFAULTS.rate})\n> `);
      const value = answer === "" ? DEFAULTS.rate : rateOf(answer);
      if (value !== undefined) return value;
      process.stdout.write("Enter a number above 0.\n");
    }
  }

  async #ask(text: string): Promise<string> {
    try {
      return (await this.#lines.question(text, { signal: this.#signal })).trim();
    } catch (error) {
      this.#signal.throwIfAborted(); // Its reason is more specific.
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#lines.close();
  }
}
