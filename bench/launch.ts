import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { environment } from "../src/host/children.ts";
import { HOLD, leadOf, relayMs } from "./effort.ts";
import { median } from "./statistics.ts";
import type { Figure, Launch, Program } from "./subjects/subject.ts";

/** The folder of the project. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

/** Estimated times in milliseconds to start a process. */
const START = { c: 5, python: 120 };
const run = promisify(execFile);

/**
 * Runs a program and resolves to its standard output.
 *
 * @param options.timeout In milliseconds.
 * @throws {Error} If its status is not 0: with its standard error.
 */
export async function launch(
  [path, ...args]: readonly string[],
  options: { readonly signal?: AbortSignal; readonly timeout?: number; readonly cwd?: string } = {},
): Promise<string> {
  const usual = { cwd: ROOT, killSignal: "SIGKILL", maxBuffer: 2 ** 26, timeout: 60_000 } as const;
  const { stdout } = await run(path, args, { ...usual, env: environment(), ...options });
  return stdout;
}

/** Measures how long a program runs, in nanoseconds. */
export async function timeOf(command: readonly string[]): Promise<number> {
  const began = performance.now();
  await launch(command);
  return (performance.now() - began) * 1e6;
}

/** What is started and timed several times in a round, and takes about `ms` each time. */
export function launched(
  ms: number,
  measure: (launch: Launch) => Promise<number>,
): Pick<Program, "ms" | "measure"> {
  return {
    ms: ({ launches }) => ms * launches,
    async measure(launch) {
      const samples: number[] = [];
      while (samples.length < launch.effort.launches) samples.push(await measure(launch));
      return { ns: median(samples) };
    },
  };
}

/** Programs of `bench/rivals` in C or Python: the name of each operation, and of its program. */
export function peers(
  by: "c" | "python",
  medium: Program["medium"],
  sizes: Program["sizes"],
  names: Readonly<Record<string, string>>,
  { fast = false } = {},
): Program[] {
  return Object.entries(names).map(([name, program]): Program => ({
    name,
    by,
    medium,
    sizes,
    ms(effort, count) {
      const ms = leadOf(count, effort) + effort.window;
      return START[by] + (sizes === "pair" ? relayMs(effort.turns) : ms);
    },
    async measure({ row: { count }, effort, site, signal }): Promise<Figure> {
      const args = sizes === "pair"
        ? ["relay", program, effort.turns, HOLD]
        : ["window", program, count, leadOf(count, effort) * 1e6, effort.window * 1e6];
      const folder = fast ? site.fast : site.temporary;
      const command = [...site.commands![by]!, ...args.map(String), folder];
      const { inside, samples } = JSON.parse(await launch(command, { signal }));
      return sizes === "pair" ? { samples } : { ns: effort.window * 1e6 / inside };
    },
  }));
}
