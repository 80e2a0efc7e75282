import { readFileSync } from "node:fs";
import process from "node:process";
import { adapter } from "../../src/runtime/mod.ts";
import { print } from "../../src/host/interruption.ts";
import { UsageError } from "../../src/host/usage_error.ts";
import { decide, type Wish } from "../../src/advice/decide.ts";
import { type Figures, figuresFor, parseRun } from "../../src/advice/figures.ts";
import measured from "../../src/advice/figures.json" with { type: "json" };
import { ask } from "./questions.ts";
import { DEFAULTS } from "./rate.ts";
import { adviceJson, adviceText } from "./text.ts";

/** The options of the command line. */
export interface Flags {
  readonly for?: Wish["need"];
  readonly where?: Wish["reach"];
  readonly survive?: Wish["survives"];
  readonly rate?: number;
  readonly runtime?: Wish["runtime"];
  readonly results?: string;
  readonly json?: true;
}

/** Asks for missing options, decides, and prints the advice. */
export async function advise(flags: Flags, signal: AbortSignal): Promise<void> {
  const figures = flags.results === undefined ? measured as Figures : readFigures(flags.results);
  const asking = process.stdin.isTTY && process.stdout.isTTY && !flags.json;
  const wish = asking ? await ask(given(flags), signal) : wishOf(given(flags));
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
    return figuresFor(parseRun(readFileSync(path, "utf8")));
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function given(
  { for: need, where: reach, survive: survives, rate, runtime }: Flags,
): Partial<Wish> {
  return { need, reach, survives, rate, runtime };
}

function wishOf({ need, reach, survives, rate, runtime }: Partial<Wish>): Wish {
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
    rate: rate ?? DEFAULTS.rate,
    runtime: runtime ?? adapter.name,
  };
}
