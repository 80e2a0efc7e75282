import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cacheFolder, type Runtime } from "./runtimes.ts";

const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
const STDERR_KEPT = 4000;

/**
 * The command that runs a program of this project.
 *
 * @param imports Whether it imports packages; if not, it needs no config, lock file or package folder.
 */
export function commandOf(
  { name, path }: Runtime,
  program: URL,
  imports: boolean,
  ...args: string[]
): string[] {
  const flags = {
    deno: ["run", "--quiet", imports ? `--config=${CONFIG}` : "--no-config", "--no-lock", "-A"],
    bun: [],
    node: ["--disable-warning=ExperimentalWarning"],
  }[name];
  return [path, ...flags, fileURLToPath(program), ...args];
}

/** The folder of the code that Node has compiled; checked once. */
let compileCache: string | undefined;

/** The environment of child processes: with the code that Node has compiled, they start in half the time. */
export function environment(): NodeJS.ProcessEnv {
  compileCache ??= join(cacheFolder(), "node");
  return { NODE_COMPILE_CACHE: compileCache, ...process.env, NO_COLOR: "1" };
}

/** The end of a child process. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** The end of its standard error. */
  readonly stderr: string;
}

/** Options for {@linkcode Child}. */
export interface ChildOptions<Message> {
  readonly runtime: Runtime;
  /** What it is, for messages. */
  readonly what: string;
  readonly program: URL;
  readonly args: readonly string[];
  /** Whether the program imports packages. */
  readonly imports: boolean;
  readonly env?: NodeJS.ProcessEnv;
  /** Is called with each line of its standard output, parsed as JSON. */
  receive(message: Message): void;
}

/** A child process that prints messages as lines of JSON. */
export class Child<Message = unknown> {
  /** The name for messages: `worker 2 (bun, pid 123)`. */
  readonly name: string;
  /** Resolves when it has ended and all its messages were received. */
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;

  /** Starts it. */
  constructor({ runtime, what, program, args, imports, env, receive }: ChildOptions<Message>) {
    const [path, ...rest] = commandOf(runtime, program, imports, ...args);
    const child = spawn(path, rest, {
      stdio: ["pipe", "pipe", "pipe"],
      // In a group of its own: the coordinator ends its children itself after a Ctrl-C. In its group
      // they would get the signal too, and it could notice their end before its own signal.
      detached: true,
      env: { ...environment(), ...env },
    });
    this.#process = child;
    this.name = `${what} (${runtime.name}, pid ${child.pid ?? "none"})`;
    let stderr = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => stderr = (stderr + text).slice(-STDERR_KEPT));
    child.stdin.on("error", () => {}); // It died, which `ended` reports.
    createInterface({ input: child.stdout }).on("line", (line) => receive(JSON.parse(line)));
    this.ended = new Promise((resolve) => {
      child.on("error", (error) => {
        resolve({ code: null, signal: null, stderr: `Cannot start ${path}: ${error.message}` });
      });
      child.on("close", (code, signal) => resolve({ code, signal, stderr: stderr.trim() }));
    });
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** Kills it at once. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

/** Describes an end that came too early: `ended with status 1 before it had counted: ...`. */
export function describeEnd({ code, signal, stderr }: ChildEnd, before: string): string {
  const how = signal !== null ? `was killed by ${signal}` : `ended with status ${code}`;
  return `${how} before it had ${before}${stderr === "" ? "" : `:\n${stderr}`}`;
}
