import process from "node:process";
import { createInterface } from "node:readline/promises";
import { RUNTIMES } from "../../src/advice/candidates.ts";
import type { Wish } from "../../src/advice/decide.ts";
import { Interruption } from "../../src/host/interruption.ts";
import { parseNumber } from "../../src/host/numbers.ts";
import { UsageError } from "../../src/host/usage_error.ts";
import { adapter } from "../../src/runtime/mod.ts";

/** What is taken if an option is missing and there is no terminal. */
export const DEFAULTS = { survives: "nothing", readable: false, rate: 1000 } as const;

/** Parses a rate, such as `10k`; returns `undefined` if the text is none. */
export function rateOf(text: string): number | undefined {
  const value = parseNumber(text);
  return value !== undefined && value > 0 ? value : undefined;
}

/** Asks on the terminal for missing requirements; an empty answer is the first choice. */
export async function ask(given: Partial<Wish>, signal: AbortSignal): Promise<Wish> {
  const closed = new AbortController();
  const lines = createInterface({ input: process.stdin, output: process.stdout })
    .on("SIGINT", () => closed.abort(new Interruption("SIGINT")))
    .on("close", () => {
      closed.abort(new UsageError("Cannot advise: the input ended before the last answer"));
    });
  const ended = AbortSignal.any([signal, closed.signal]);

  /** Asks until `parse` understands the answer. */
  async function answer<T>(
    text: string,
    parse: (text: string) => T | undefined,
    must: string,
  ): Promise<T> {
    for (;;) {
      const said = await lines.question(text, { signal: ended }).catch((error) => {
        ended.throwIfAborted(); // Its reason is more specific.
        throw error;
      });
      const value = parse(said.trim());
      if (value !== undefined) return value;
      process.stdout.write(`Enter a number ${must}.\n`);
    }
  }

  function choose<T extends string>(question: string, choices: Readonly<Record<T, string>>) {
    const all = Object.entries(choices) as [T, string][];
    const list = all.map(([, text], i) => `  ${i + 1}  ${text}\n`).join("");
    const parse = (text: string) => all[text === "" ? 0 : Number(text) - 1]?.[0];
    return answer(`${question}\n${list}> `, parse, `from 1 to ${all.length}`);
  }

  try {
    const need = given.need ??
      await choose("What do you need?", { counter: "a counter", lock: "a lock" });
    const reach = given.reach ?? await choose("Who shares it?", {
      machine: "processes on one machine",
      process: "the workers of one process",
      network: "programs on several machines",
    });
    const survives = given.survives ?? await choose("What must it survive?", {
      nothing: "nothing: it may be lost with the program",
      crash: "a killed process",
      power: "a power loss",
    });
    const readable = given.readable ?? await choose("Must people or other languages read it?", {
          no: "no: only programs that use Interlock",
          yes: "yes",
        }) === "yes";
    const rate = given.rate ?? await answer(
      `How many ${need === "counter" ? "increments" : "holds"} per second, all processes ` +
        `together? (${DEFAULTS.rate})\n> `,
      (text) => text === "" ? DEFAULTS.rate : rateOf(text),
      "above 0",
    );
    const runtimes = [...new Set([adapter.name, ...RUNTIMES])].map((name) => [name, name]);
    const runtime = given.runtime ??
      await choose<Wish["runtime"]>("Which runtime?", Object.fromEntries(runtimes));
    return { need, reach, survives, readable, rate, runtime };
  } finally {
    lines.close();
  }
}
