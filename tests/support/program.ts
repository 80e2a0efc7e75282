import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { childEnvironment } from "./child_environment.ts";

/** A program with which a test exchanges lines, in a process group of its own. */
export class Program implements AsyncDisposable {
  readonly process: ChildProcess;
  /** Resolves when it has ended and no process has its output open. */
  readonly ended: Promise<{ code: number | null; signal: string | null; stderr: string }>;
  /** What it has written to its standard error so far. */
  stderr = "";
  readonly #lines: AsyncIterator<string>;

  constructor(
    command: readonly string[],
    variables: Record<string, string | undefined> = {},
  ) {
    const { env, giveBack } = childEnvironment(variables);
    this.process = spawn(command[0], command.slice(1), {
      stdio: ["pipe", "pipe", "pipe"],
      env,
      detached: true,
    });
    this.process.stderr!.setEncoding("utf8").on("data", (text: string) => this.stderr += text);
    this.process.stdin!.on("error", () => {}); // It has ended, which `ended` reports.
    this.#lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
    this.ended = new Promise((resolve, reject) => {
      this.process.on("error", reject);
      this.process.on("close", (code, signal) => {
        giveBack();
        resolve({ code, signal, stderr: this.stderr });
      });
    });
    this.ended.catch(() => {}); // The rejection is for the code that awaits `ended`.
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** The next line of its standard output; throws, with its standard error, if it has ended. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done !== true) return value;
    const { code, signal, stderr } = await this.ended;
    throw new Error(`The program ended (${code ?? signal}) without a line: ${stderr}`);
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.process.stdin!.write(`${line}\n`);
  }

  /** Ends its standard input. */
  close(): void {
    this.process.stdin!.end();
  }

  /** Sends it a signal, not to its group. By its number: Deno's own method would end it differently. */
  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Kills it and all processes that it started, and waits for their end. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // All of them have ended.
    }
    await this.ended;
  }
}
