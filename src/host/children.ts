import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseLine } from "./message.ts";
import { makeFolders } from "./own_folder.ts";
import { cacheFolder, type Runtime, RuntimeError } from "./runtimes.ts";

const CONFIG = new URL("../../deno.json", import.meta.url);
const STDERR_KEPT = 4000;

/**
 * The command that runs a program of this project.
 *
 * @param imports Whether it imports packages; if not, it needs no config, lock file or package
 * folder.
 * @throws {RuntimeError} If this runtime cannot run a program from that address.
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

/** The variable with the folder of the code that Node has compiled; made once. */
let compileCache: { readonly NODE_COMPILE_CACHE?: string } | undefined;

/**
 * The environment of child processes: with the code that Node has compiled, they start in half the
 * time.
 */
export function environment(): NodeJS.ProcessEnv {
  compileCache ??= makeCompileCache();
  return { ...compileCache, ...process.env, NO_COLOR: "1" };
}

function makeCompileCache(): NonNullable<typeof compileCache> {
  const folder = join(cacheFolder(), "node");
  try {
    makeFolders(folder); // Below /proc, Node would never stop trying to make it.
    return { NODE_COMPILE_CACHE: folder };
  } catch {
    return {};
  }
}

/** The end of a child process. */
interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** The end of its standard error, and of the other text that it printed. */
  readonly stderr: string;
}

/** Thrown if a child process died or failed. The message names the process. */
export class ChildError extends Error {
  override readonly name = "ChildError";
}

/** Options for {@linkcode Children.start}. */
export interface ChildOptions {
  readonly runtime: Runtime;
  /** What it is, for messages. */
  readonly what: string;
  readonly program: URL;
  readonly args: readonly string[];
  /** Whether the program imports packages. */
  readonly imports: boolean;
  readonly env?: NodeJS.ProcessEnv;
  /** What it must have done before it ends, for messages: `counted`. */
  readonly duty: string;
}

/**
 * A child process that prints messages, as `messageLine` makes them. One with `failed` reports an
 * error.
 */
export class Child<Message = unknown> {
  /** The name for messages: `worker 2 (bun, pid 123)`. */
  readonly name: string;
  /** Resolves when it has ended. */
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string, undefined>;
  readonly #keep: (text: string) => void;
  readonly #duty: string;
  readonly #signal: AbortSignal;

  /** Starts it. */
  constructor(
    { runtime, what, program, args, imports, env, duty }: ChildOptions,
    signal: AbortSignal,
  ) {
    const [path, ...rest] = commandOf(runtime, program, imports, ...args);
    const child = spawn(path, rest, {
      stdio: ["pipe", "pipe", "pipe"],
      // In a group of its own: the coordinator ends its children itself after a Ctrl-C. In its
      // group they would get the signal too, and it could notice their end before its own signal.
      // On Windows, that would be a console window of its own.
      detached: process.platform !== "win32",
      env: { ...environment(), ...env },
    });
    this.#process = child;
    this.#duty = duty;
    this.#signal = signal;
    this.name = `${what} (${runtime.name}, pid ${child.pid ?? "none"})`;
    let stderr = "";
    this.#keep = (text) => stderr = (stderr + text).slice(-STDERR_KEPT);
    child.stderr.setEncoding("utf8").on("data", this.#keep);
    child.stdin.on("error", () => {}); // It died, which `next` reports.
    const lines = createInterface({ input: child.stdout });
    this.#lines = lines[Symbol.asyncIterator]();
    this.ended = new Promise((resolve) => {
      child.on("error", (error) => {
        resolve({ code: null, signal: null, stderr: `Cannot start ${path}: ${error.message}` });
        lines.close(); // Only Node closes it.
      });
      child.on("close", (code, signal) => {
        resolve({
          code,
          signal,
          get stderr() {
            return stderr.trim();
          },
        });
      });
    });
  }

  /**
   * Waits for its next message.
   *
   * @throws {ChildError} If it failed, or ended before.
   */
  async next(): Promise<Message> {
    const line = await this.#lines.next();
    if (line.done) {
      const end = await this.ended;
      this.#signal.throwIfAborted();
      throw new ChildError(`${this.name} ${describeEnd(end, this.#duty)}`);
    }
    const { message, text } = parseLine<Message & { readonly failed?: string }>(line.value);
    if (text !== "") this.#keep(`${text}\n`); // A module that the user preloads may print text.
    if (message === undefined) return await this.next();
    if (message.failed === undefined) return message;
    throw new ChildError(`${this.name} failed: ${message.failed}`);
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

/**
 * Waits for the next message of each child.
 *
 * @param onMessage Called after each message.
 * @throws {ChildError} As soon as one failed, or ended before.
 */
export async function nextOf<Message>(
  children: readonly Child<Message>[],
  onMessage?: () => void,
): Promise<Message[]> {
  return await Promise.all(children.map(async (child) => {
    const message = await child.next();
    onMessage?.();
    return message;
  }));
}

/** Child processes that are killed together. */
export class Children implements AsyncDisposable, Disposable {
  readonly #children: Child[] = [];
  readonly #signal: AbortSignal;

  /** @param signal Kills all. Waiting for a child then throws its reason. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#kill);
  }

  readonly #kill = (): void => this.#children.forEach((child) => child.kill());

  /**
   * Starts a child.
   *
   * @throws {RuntimeError} If this runtime cannot run the program from its address.
   */
  start<Message>(options: ChildOptions): Child<Message> {
    this.#signal.throwIfAborted();
    const child = new Child<Message>(options, this.#signal);
    this.#children.push(child);
    return child;
  }

  /** Writes a line to the standard input of each. */
  tell(line: string): void {
    for (const child of this.#children) child.tell(line);
  }

  /** Kills the children that still run. */
  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#kill);
    this.#kill();
  }

  /** Kills the children that still run, and waits until all have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await Promise.all(this.#children.map(({ ended }) => ended));
  }
}

/** Describes an end that came too early: `ended with status 1 before it had counted: ...`. */
function describeEnd({ code, signal, stderr }: ChildEnd, before: string): string {
  const how = signal !== null ? `was killed by ${signal}` : `ended with status ${code}`;
  return `${how} before it had ${before}${stderr === "" ? "" : `:\n${stderr}`}`;
}
