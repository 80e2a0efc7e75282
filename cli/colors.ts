import colors from "picocolors";
import process from "node:process";

/** Colours for the standard output: NO_COLOR forbids them, FORCE_COLOR demands them (0: forbids). */
export default colors.createColors(isColored(process.env, process.stdout.isTTY));

/** Whether an output is coloured. */
export function isColored(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR !== undefined) return !["0", "false"].includes(FORCE_COLOR);
  return isTerminal && TERM !== "dumb";
}
