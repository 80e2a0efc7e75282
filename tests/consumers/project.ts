import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The packed npm package. */
export const TARBALL: string = given("INTERLOCK_TARBALL");
/** Whether only the short form runs. */
export const SHORT: boolean = process.env.INTERLOCK_SHORT === "1";
/** A folder that is removed at the end of all. */
export const SCRATCH: string = given("INTERLOCK_SCRATCH");

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAMS = fileURLToPath(new URL("programs", import.meta.url));
/** A command that takes longer hangs. */
const TIMEOUT_MS = 600_000;

/** A tool that the project itself has installed. */
export const toolPath = (name: string): string => join(ROOT, "node_modules/.bin", name);

function given(variable: string): string {
  const value = process.env[variable];
  if (value) return value;
  throw new Error(`Cannot run without ${variable}: run \`deno task consumers\``);
}

/** What a command has written. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Options for {@linkcode run}. */
export interface RunOptions {
  readonly cwd: string;
  readonly env?: Record<string, string | undefined>;
}

/** Runs a command to its end, which must be with status 0. */
export async function run(command: readonly string[], options: RunOptions): Promise<Output> {
  const child = spawn(command[0], command.slice(1), {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: "1", ...options.env } as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe"],
    // With a group of its own, so that what it has started ends with it.
    detached: true,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text);
  const watch = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), TIMEOUT_MS);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on("error", reject).on("close", (code, signal) => resolve([code, signal]));
  });
  clearTimeout(watch);
  assert.equal(signal ?? code, 0, `${command.join(" ")} in ${options.cwd}:\n${stdout}${stderr}`);
  return { stdout, stderr };
}

const NPM = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund"];

/** Makes an empty project with the programs of this folder, and installs packages in it. */
export async function makeProject(
  packages: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
  install: readonly string[] = NPM,
): Promise<string> {
  const folder = mkdtempSync(join(SCRATCH, "project-"));
  cpSync(PROGRAMS, folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  await run([...install, TARBALL, ...packages], { cwd: folder });
  return folder;
}

/** Runs parts of `main.mjs`, or of a bundle of it: each must pass, and print no error. */
export async function runParts(
  command: readonly string[],
  parts: readonly string[],
  options: RunOptions,
): Promise<void> {
  const { stdout, stderr } = await run([...command, ...parts], options);
  assert.equal(stderr, "");
  assert.deepEqual(stdout.trim().split("\n"), parts.map((part) => part.replace(/=.*/s, "")));
}
