import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheFolder, type Runtime } from "../src/host/runtimes.ts";

/** The folder of the project. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

const run = promisify(execFile);

/** The command that runs a program of this project that may use its packages. */
export function commandOf({ name, path }: Runtime, program: URL, ...args: string[]): string[] {
  const flags = {
    deno: ["run", "--quiet", "-A"],
    bun: [],
    node: ["--disable-warning=ExperimentalWarning"],
  }[name];
  return [path, ...flags, fileURLToPath(program), ...args];
}

/** The same for a program without packages: Deno does not look for its configuration. */
export function bareCommandOf(runtime: Runtime, program: URL): string[] {
  const [path, ...rest] = commandOf(runtime, program);
  return runtime.name === "deno"
    ? [path, "run", "--quiet", "--no-config", "--no-lock", "-A", rest.at(-1)!]
    : [path, ...rest];
}

/** The environment of the programs of a run. */
export function environment(): NodeJS.ProcessEnv {
  return { NODE_COMPILE_CACHE: `${cacheFolder()}/node`, ...process.env, NO_COLOR: "1" };
}

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
