import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cacheFolder, type Runtime, RuntimeError } from "./runtimes.ts";

const CONFIG = new URL("../../deno.json", import.meta.url);
const STDERR_KEPT = 4000;

/**
 * The command that runs a program of this project.
 *
 * @param imports Whether it imports packages; if not, it needs no config, lock file or package folder.
 * @throws {RuntimeError} If this runtime cannot run a program from where it is.
 */
export function commandOf(
  { name, path }: Runtime,
  program: URL,
  imports: boolean,
  ...args: string[]
): string[] {
  // From JSR, Deno runs a program by its address; its imports name the packages and their versions.
  const isFile = program.protocol === "file:";
  if (!isFile && name !== "deno") {
    throw new RuntimeError(
      `Cannot run ${program.href} in ${name}: only Deno runs programs from JSR. Install the package ` +
        "from npm",
    );
  }
  const config = imports && isFile ? `--config=${fileURLToPath(CONFIG)}` : "--no-config";
  const flags = {
    deno: ["run", "--quiet", config, "--no-lock", "-A"],
    bun: [],
    node: [],
  }[name];
  return [path, ...flags, isFile ? fileURLToPath(program) : program.href, ...args];
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
  /** The end of its standard error, and of the other text that it printed. */
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
    const keep = (text: string) => stderr = (stderr + text).slice(-STDERR_KEPT);
    child.stderr.setEncoding("utf8").on("data", keep);
    child.stdin.on("error", () => {}); // It died, which `ended` reports.
    createInterface({ input: child.stdout }).on("line", (line) => {
      const message = parse(line);
      // A module that the user preloads (NODE_OPTIONS) may print text.
      if (message === undefined) keep(`${line}\n`);
      else receive(message as Message);
    });
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

/** The value of a line of JSON; `undefined` for any other text. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Describes an end that came too early: `ended with status 1 before it had counted: ...`. */
export function describeEnd({ code, signal, stderr }: ChildEnd, before: string): string {
  const how = signal !== null ? `was killed by ${signal}` : `ended with status ${code}`;
  return `${how} before it had ${before}${stderr === "" ? "" : `:\n${stderr}`}`;
}
