import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { adapter } from "../../src/runtime/mod.ts";
import { childEnvironment } from "../support/child_environment.ts";

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const FLAGS = {
  deno: ["run", "--quiet", "-A"],
  bun: [],
  node: [],
} as const;

/** A command that takes longer hangs. */
const TIMEOUT_MS = 100_000;

/** The end of a command. */
export interface Ending {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command that runs interlock. */
export const COMMAND: readonly string[] = [process.execPath, ...FLAGS[adapter.name], MAIN];

/** An interlock process, in the runtime that runs the tests. */
export class Interlock {
  readonly process: ChildProcess;
  readonly ended: Promise<Ending>;
  /** The output so far. */
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], variables: Record<string, string | undefined> = {}) {
    const { env, giveBack } = childEnvironment(variables);
    this.process = spawn(COMMAND[0], [...COMMAND.slice(1), ...args], {
      env,
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // The leader of a process group, as a shell starts it.
    });
    this.process.stdout!.setEncoding("utf8").on("data", (text: string) => this.stdout += text);
    this.process.stderr!.setEncoding("utf8").on("data", (text: string) => this.stderr += text);
    this.ended = new Promise((resolve, reject) => {
      this.process.on("error", reject);
      this.process.on("close", (status) => {
        giveBack();
        resolve({ status, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }
}

/** Runs a command until it ends. */
export function interlock(
  args: readonly string[],
  env?: Record<string, string | undefined>,
): Promise<Ending> {
  return new Interlock(args, env).ended;
}

/** A child process of a count, with its parameters. */
export interface CountChild {
  readonly pid: number;
  readonly role: string;
  readonly worker: { readonly worker: number; readonly memory: string; readonly file: string };
}

/** The running processes that a count started, from their command lines. */
export function childrenOf(coordinator: number): CountChild[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const told = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
        .find((argument) => argument.includes(`"coordinator":${coordinator},`));
      return told === undefined ? [] : [{ pid: Number(pid), ...JSON.parse(told) } as CountChild];
    } catch {
      return []; // It has just ended.
    }
  });
}

/** The files of the run of these children. */
export function filesOf(children: readonly CountChild[]): string[] {
  const { memory, file } = children.find(({ role }) => role === "worker")!.worker;
  return [memory, file];
}

/** Which of the files exist. */
export function existing(files: readonly string[]): string[] {
  return files.filter((file) => existsSync(file));
}

export { until } from "../support/until.ts";
