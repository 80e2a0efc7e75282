import type { Command } from "commander";
import { readFileSync } from "node:fs";
import process from "node:process";
import { decide, type Wish } from "../../src/advice/decide.ts";
import { type Figures, figuresFor, runFrom } from "../../src/advice/figures.ts";
import measured from "../../src/advice/figures.json" with { type: "json" };
import { parseJson } from "../../src/contract/json_text.ts";
import { print } from "../../src/host/interruption.ts";
import { systemErrorOf } from "../../src/host/system_error.ts";
import { invalidOption, UsageError } from "../../src/host/usage_error.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { nameTyped } from "../options.ts";
import { ask, DEFAULTS, rateOf } from "./questions.ts";
import { adviceJson, adviceText } from "./text.ts";

/** The options of the command line. */
export interface Flags {
  readonly for?: Wish["need"];
  readonly where?: Wish["reach"];
  readonly survive?: Wish["survives"];
  readonly readable?: boolean;
  readonly rate?: string;
  readonly runtime?: Wish["runtime"];
  readonly results?: string;
  readonly json?: true;
}

/** Asks for missing options, decides, and prints the advice. */
export async function advise(flags: Flags, command: Command, signal: AbortSignal): Promise<void> {
  const { for: need, where: reach, survive: survives, readable, runtime, results, json } = flags;
  const rate = flags.rate === undefined ? undefined : rateOf(flags.rate);
  if (flags.rate !== undefined && rate === undefined) {
    const name = nameTyped(command, "--rate", process.argv.slice(2));
    throw invalidOption(name, "be a number above 0, such as 5000 or 5k", flags.rate);
  }
  const given = { need, reach, survives, readable, rate, runtime };
  const figures = results === undefined ? measured as Figures : readFigures(results);
  const asking = process.stdin.isTTY && process.stdout.isTTY && !json;
  const wish = asking ? await ask(given, signal) : wishOf(given);
  const advice = decide(wish, figures);
  await print(
    json
      ? JSON.stringify(adviceJson(wish, advice, figures), null, 2)
      : adviceText(wish, advice, figures, process.stdout.columns || undefined),
  );
  if (advice.chosen === undefined) process.exitCode = 1;
}

function readFigures(path: string): Figures {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(systemErrorOf("read", path, error).message, { cause: error });
  }
  try {
    return figuresFor(runFrom(parseJson(text)));
  } catch (error) {
    throw new UsageError(`Cannot use ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function wishOf({ need, reach, survives, readable, rate, runtime }: Partial<Wish>): Wish {
  if (need === undefined || reach === undefined) {
    const lacking = [need === undefined && "--for", reach === undefined && "--where"];
    throw new UsageError(
      `Cannot advise without ${lacking.filter(Boolean).join(" and ")}: there is no terminal on ` +
        "which to ask (see --help)",
    );
  }
  return {
    need,
    reach,
    survives: survives ?? DEFAULTS.survives,
    readable: readable ?? DEFAULTS.readable,
    rate: rate ?? DEFAULTS.rate,
    runtime: runtime ?? adapter.name,
  };
}
