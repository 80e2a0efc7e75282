import { type ChildProcess, spawn } from "node:child_process";
import { isBuiltin } from "node:module";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { adapter, type RuntimeName } from "../../src/runtime/mod.ts";
import { childEnvironment } from "./child_environment.ts";

/** The executable of a runtime: that of this process, or `INTERLOCK_DENO` and so on. */
export function executableOf(name: RuntimeName): string | undefined {
  if (name === adapter.name) return process.execPath;
  return process.env[`INTERLOCK_${name.toUpperCase()}`] || undefined;
}

/** The arguments that run a module with all permissions. */
export const RUN: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: ["run", "--quiet", "--no-config", "--no-lock", "-A"],
  bun: [],
  node: [],
};

/** The flags with which Node has neither `node:ffi` nor koffi. Before 26, it knows only one of them. */
export const NODE_WITHOUT_C: readonly string[] = [
  ...adapter.name === "node" && !isBuiltin("node:ffi") ? [] : ["--no-experimental-ffi"],
  "--no-addons",
];

/** The same for a module that imports packages. */
export const RUN_WITH_PACKAGES: typeof RUN = {
  ...RUN,
  deno: [
    "run",
    "--quiet",
    `--config=${fileURLToPath(new URL("../../deno.json", import.meta.url))}`,
    "--no-lock",
    "-A",
  ],
};

/** A child process with which a test exchanges lines. */
export class Child implements AsyncDisposable {
  /** Resolves when it has ended. */
  readonly ended: Promise<{ code: number | null; signal: string | null; stderr: string }>;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(executable: string, args: readonly string[], module: URL, rest: readonly string[]) {
    const { env, giveBack } = childEnvironment();
    const child = spawn(executable, [...args, fileURLToPath(module), ...rest], {
      stdio: ["pipe", "pipe", "pipe"],
      env,
    });
    this.#process = child;
    let stderr = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => stderr += text);
    child.stdin.on("error", () => {}); // It has ended, which `ended` reports.
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.ended = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        giveBack();
        resolve({ code, signal, stderr });
      });
    });
  }

  /** A child in a runtime. */
  static of(name: RuntimeName, executable: string, module: URL, ...rest: string[]): Child {
    return new Child(executable, RUN[name], module, rest);
  }

  /** A child in the runtime that runs this. */
  static here(module: URL, ...rest: string[]): Child {
    return new Child(process.execPath, RUN[adapter.name], module, rest);
  }

  /** A child in a runtime that {@linkcode executableOf} finds. */
  static in(name: RuntimeName, module: URL, ...rest: string[]): Child {
    return new Child(executableOf(name)!, RUN[name], module, rest);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** The next line of its standard output; throws, with its standard error, if it has ended. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done !== true) return value;
    const { code, signal, stderr } = await this.ended;
    throw new Error(`The child ended (${code ?? signal}) without a line: ${stderr}`);
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** Ends its standard input. */
  close(): void {
    this.#process.stdin?.end();
  }

  /**
   * Sends it a signal, unless it has ended. By its number, since the `kill` of Deno's child process
   * closes its standard input first, to which a child can react before the signal arrives.
   */
  kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** Stops or continues it. By its number, since Deno's child process takes one signal only. */
  stop(signal: "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.pid, signal);
  }

  /** Kills it and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.ended;
  }
}
