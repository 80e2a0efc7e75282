import { spawn } from "node:child_process";
import { basename } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { cacheFolder, type Runtime } from "../src/host/runtimes.ts";

/** The folder of the project. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

/** The command that runs a program of this project that may use its packages. */
export function commandOf({ name, path }: Runtime, program: URL, ...args: string[]): string[] {
  const entry = [fileURLToPath(program), ...args];
  switch (name) {
    case "deno":
      return [path, "run", "--quiet", "-A", ...entry];
    case "bun":
      return [path, ...entry];
    case "node":
      return [path, "--disable-warning=ExperimentalWarning", ...entry];
  }
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

/** Options for {@linkcode launch}. */
export interface LaunchOptions {
  readonly signal?: AbortSignal;
  /** In milliseconds. Default: 60,000. */
  readonly timeout?: number;
  /** The working folder. Default: the folder of the project. */
  readonly cwd?: string;
}

/**
 * Runs a program and resolves to its standard output.
 *
 * @throws {Error} If its status is not 0: with the end of its standard error.
 */
export async function launch(
  [path, ...args]: readonly string[],
  { signal, timeout = 60_000, cwd = ROOT }: LaunchOptions = {},
): Promise<string> {
  const child = spawn(path, args, {
    cwd,
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
    killSignal: "SIGKILL",
    signal,
    timeout,
  });
  let [out, said] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => out += text);
  child.stderr.setEncoding("utf8").on("data", (text) => said = (said + text).slice(-2000));
  const [status, killer] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on("error", reject).on("close", (...end) => resolve(end));
  });
  if (status === 0) return out;
  const how = killer ?? `status ${status}`;
  throw new Error(`${basename(path)} ended with ${how}: ${said.trim()}`);
}

/** Measures how long a program runs, in nanoseconds. */
export async function timeOf(command: readonly string[]): Promise<number> {
  const began = performance.now();
  await launch(command);
  return (performance.now() - began) * 1e6;
}
