import process from "node:process";
import { styleText } from "node:util";

const NAMES = ["bold", "cyan", "dim", "green", "red", "yellow"] as const;

/**
 * Functions that colour texts for the standard output. Not those of a package: theirs read the
 * environment as they are loaded, which Deno may refuse.
 */
export default Object.fromEntries(
  NAMES.map((name) => [name, (text: string) => isOn() ? paint(name, text) : text]),
) as Record<typeof NAMES[number], (text: string) => string>;

function paint(name: typeof NAMES[number], text: string): string {
  return styleText(name, text, { validateStream: false });
}

let on: boolean | undefined;
function isOn(): boolean {
  return on ??= isColored(process.env, process.stdout.isTTY);
}

/** Whether an output is coloured: NO_COLOR forbids it, FORCE_COLOR demands it (0: forbids it). */
export function isColored(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return !["0", "false"].includes(env.FORCE_COLOR);
  if (!isTerminal) return false;
  try {
    return env.TERM !== "dumb";
  } catch {
    return true; // Deno may not read it.
  }
}
