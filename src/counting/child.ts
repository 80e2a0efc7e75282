import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { HostSpec } from "./host.ts";
import { REDIS_VARIABLE } from "./redis_cells.ts";
import { cacheFolder, type Runtime } from "../host/runtimes.ts";
import type { WorkerMessage } from "./worker.ts";

const ENTRY = new URL("../../workers/counting_process.ts", import.meta.url);
const CONFIG = new URL("../../deno.json", import.meta.url);
const STDERR_KEPT = 4000;

function argumentsFor({ name }: Runtime, spec: HostSpec, imports: boolean): string[] {
  const rest = [fileURLToPath(ENTRY), JSON.stringify(spec)];
  switch (name) {
    case "deno":
      // A worker that imports no package needs no config, lock file or package folder.
      return [
        "run",
        "--quiet",
        imports ? `--config=${fileURLToPath(CONFIG)}` : "--no-config",
        "--no-lock",
        "-A",
        ...rest,
      ];
    case "bun":
      return rest;
    case "node":
      return ["--disable-warning=ExperimentalWarning", ...rest];
  }
}

/** The folder of Node's compiled code, with which a child starts in half the time. */
function compileCache(): string {
  return join(cacheFolder(), "node");
}

/** The end of a child process. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** The end of its standard error. */
  readonly stderr: string;
}

/** A child process of a run. */
export class Child {
  /** The name for messages: `worker 2 (bun, pid 123)`. */
  readonly name: string;
  /** Resolves when it has ended and all its messages were received. */
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;

  /**
   * Starts it; calls `receive` with each of its messages.
   *
   * @param redis The address of the Redis server, for a worker that counts there.
   */
  constructor(
    runtime: Runtime,
    what: string,
    spec: HostSpec,
    receive: (message: WorkerMessage) => void,
    redis?: string,
  ) {
    const child = spawn(runtime.path, argumentsFor(runtime, spec, redis !== undefined), {
      stdio: ["pipe", "pipe", "pipe"],
      // In a group of its own: the coordinator ends its children itself after a Ctrl-C. In its group
      // they would get the signal too, and it could notice their end before its own signal.
      detached: true,
      env: {
        NODE_COMPILE_CACHE: compileCache(),
        ...process.env,
        NO_COLOR: "1",
        ...redis !== undefined && { [REDIS_VARIABLE]: redis },
      },
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
        resolve({
          code: null,
          signal: null,
          stderr: `Cannot start ${runtime.path}: ${error.message}`,
        });
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
