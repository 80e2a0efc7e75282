import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { environment } from "../src/host/child.ts";

/** The folder of the project. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

const run = promisify(execFile);

/**
 * Runs a program and resolves to its standard output.
 *
 * @param options.timeout In milliseconds.
 * @throws {Error} If its status is not 0: with its standard error.
 */
export async function launch(
  [path, ...args]: readonly string[],
  { signal, timeout = 60_000, cwd = ROOT }: {
    readonly signal?: AbortSignal;
    readonly timeout?: number;
    readonly cwd?: string;
  } = {},
): Promise<string> {
  const { stdout } = await run(path, args, {
    cwd,
    env: environment(),
    killSignal: "SIGKILL",
    maxBuffer: 2 ** 26,
    signal,
    timeout,
  });
  return stdout;
}

/** Measures how long a program runs, in nanoseconds. */
export async function timeOf(command: readonly string[]): Promise<number> {
  const began = performance.now();
  await launch(command);
  return (performance.now() - began) * 1e6;
}
