import { type Command, InvalidArgumentError, Option } from "commander";
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline/promises";
import { adapter } from "../src/runtime/mod.ts";
import { NEEDS, REACHES, SURVIVALS } from "./advice/candidate.ts";
import { decide, type Wish } from "./advice/decide.ts";
import { type Figures, figuresFor, parseRun, RUNTIMES } from "./advice/figures.ts";
import measured from "./advice/figures.json" with { type: "json" };
import { adviceJson, adviceText } from "./advice/text.ts";
import { interruptible, print } from "./interruption.ts";
import { UsageError } from "./usage_error.ts";

interface Flags {
  readonly for?: Wish["need"];
  readonly where?: Wish["reach"];
  readonly survive?: Wish["survives"];
  readonly rate?: number;
  readonly runtime?: Wish["runtime"];
  readonly results?: string;
  readonly json?: true;
}

/** Adds `interlock advise`. */
export function addAdvise(program: Command): void {
  program.command("advise")
    .summary("say which lock or counter to use, from what was measured")
    .description(
      "Says which medium and which primitive to use, what it costs, why not the others, and the " +
        "code. What no flag says is asked for on a terminal.",
    )
    .addOption(new Option("--for <what>", "what it is for").choices(NEEDS))
    .addOption(new Option("--where <reach>", "who shares it").choices(REACHES))
    .addOption(
      new Option("--survive <what>", "what it must outlive (default: nothing)").choices(SURVIVALS),
    )
    .option("--rate <number>", "increments or holds a second, of all (default: 1000)", rate)
    .addOption(
      new Option("--runtime <name>", "the runtime (default: this one)").choices(RUNTIMES),
    )
    .option("--results <file>", "a run of the bench to judge by, in place of the built-in one")
    .option("--json", "for programs")
    .action((flags: Flags) => interruptible((signal) => advise(flags, signal), { output: false }));
}

function rate(text: string): number {
  const value = Number(text.replaceAll(/[_,]/g, ""));
  if (text.trim() !== "" && value > 0 && value < Infinity) return value;
  throw new InvalidArgumentError("a number above 0");
}

async function advise(flags: Flags, signal: AbortSignal): Promise<void> {
  const figures = flags.results === undefined ? measured as Figures : readFigures(flags.results);
  const asking = process.stdin.isTTY && process.stdout.isTTY && !flags.json;
  const wish = asking ? await ask(flags, signal) : wishOf(flags);
  const advice = decide(wish, figures);
  await print(
    flags.json ? JSON.stringify(adviceJson(wish, advice, figures), null, 2) : adviceText(
      wish,
      advice,
      figures,
    ),
  );
  if (advice.chosen === undefined) process.exitCode = 1;
}

function readFigures(path: string): Figures {
  try {
    return figuresFor(parseRun(readFileSync(path, "utf8"), path));
  } catch (error) {
    throw new UsageError(`Cannot advise by ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function wishOf(flags: Flags): Wish {
  const { for: need, where: reach, survive = "nothing", rate = 1000, runtime } = flags;
  if (need === undefined || reach === undefined) {
    const lacking = [need === undefined && "--for", reach === undefined && "--where"];
    throw new UsageError(
      `Cannot advise without ${lacking.filter(Boolean).join(" and ")} (there is no terminal to ` +
        "ask on; --help says what is allowed)",
    );
  }
  return { need, reach, survives: survive, rate, runtime: runtime ?? adapter.name };
}

/** Asks for what no flag says. */
async function ask(flags: Flags, signal: AbortSignal): Promise<Wish> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const choose = async <T extends string>(
    given: T | undefined,
    question: string,
    choices: readonly (readonly [T, string])[],
  ): Promise<T> => {
    if (given !== undefined) return given;
    const list = choices.map(([, text], i) => `  ${i + 1}  ${text}\n`).join("");
    for (;;) {
      const answer = await terminal.question(`${question}\n${list}> `, { signal });
      const choice = choices[answer.trim() === "" ? 0 : Number(answer) - 1];
      if (choice !== undefined) return choice[0];
      process.stdout.write(`A number from 1 to ${choices.length}, please.\n`);
    }
  };
  try {
    const need = await choose(flags.for, "What do you need?", [
      ["counter", "a number that many add to"],
      ["lock", "a lock: one at a time"],
    ]);
    const reach = await choose(flags.where, "Who shares it?", [
      ["machine", "several processes of one machine"],
      ["process", "the workers of one process"],
      ["network", "programs on several machines"],
    ]);
    const survives = await choose(flags.survive, "What must it outlive?", [
      ["nothing", "nothing: it may go with the program"],
      ["crash", "a process that is killed"],
      ["power", "the loss of power"],
    ]);
    const what = need === "counter" ? "increments" : "holds";
    let often = flags.rate;
    while (often === undefined) {
      const answer = await terminal.question(`How many ${what} a second, all together? (1000) `, {
        signal,
      });
      try {
        often = answer.trim() === "" ? 1000 : rate(answer);
      } catch (error) {
        process.stdout.write(`${(error as Error).message}, please.\n`);
      }
    }
    const names = [adapter.name, ...RUNTIMES.filter((name) => name !== adapter.name)] as const;
    const runtime = await choose(
      flags.runtime,
      "In which runtime?",
      names.map((name) => [name, name] as const),
    );
    return { need, reach, survives, rate: often, runtime };
  } finally {
    terminal.close();
  }
}
