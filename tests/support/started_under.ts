import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A program that another one starts, such as unshare(1); a test exchanges lines of JSON with it. */
export class StartedUnder implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #command: string;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown[]>;

  constructor(command: string, args: readonly string[]) {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.child = child;
    this.#command = command;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#ended = once(child, "close");
  }

  /** The next line of its standard output. */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (done !== true) return value;
    const [code, signal] = await this.#ended;
    throw new Error(`${this.#command} ended (${code ?? signal}) without a line`);
  }

  /** Sends it a request; returns its answer. */
  // deno-lint-ignore no-explicit-any
  async do(order: unknown): Promise<any> {
    this.child.stdin!.write(`${JSON.stringify(order)}\n`);
    return JSON.parse(await this.line());
  }

  /** Ends its standard input, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.child.stdin!.end();
    await this.#ended;
  }
}
