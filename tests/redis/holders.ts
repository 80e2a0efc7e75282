import assert from "node:assert/strict";
import type { RuntimeName } from "../../src/runtime/mod.ts";
import { Child, executableOf, RUN } from "../support/child.ts";

const MODULE = new URL("./fixtures/holding_process.ts", import.meta.url);
/** Deno finds the client by the configuration of the project. */
const FLAGS = { ...RUN, deno: ["run", "--quiet", "-A"] };

/** A hold, by the clock of the machine in nanoseconds. */
export interface HoldRecord {
  readonly began: number;
  readonly ended: number;
  readonly token: number;
}

/** What a process is to hold; see fixtures/holding_process.ts. */
export interface HolderStart {
  readonly kind: "lock" | "semaphore";
  readonly urls: readonly string[];
  readonly name: string;
  readonly options: object;
  readonly permits?: number;
  readonly file?: string;
}

/** A process that holds a lock or a permit over and over. */
export class Holder implements AsyncDisposable {
  readonly holds: HoldRecord[] = [];
  readonly #child: Child;
  #began: { at: number; token: number } | undefined;
  #read: Promise<void> | undefined;
  #failure: unknown;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Starts one; it is ready to begin when this resolves. */
  static async start(runtime: RuntimeName, start: HolderStart): Promise<Holder> {
    const { kind, urls, name, options, permits = 1, file = "" } = start;
    const rest = [kind, urls.join(), name, JSON.stringify(options), `${permits}`, file];
    const child = new Child(executableOf(runtime)!, FLAGS[runtime], MODULE, rest);
    assert.equal(await child.line(), "ready");
    return new Holder(child);
  }

  /** Whether it is inside, as far as it has said so. */
  get isInside(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#began !== undefined;
  }

  begin(): void {
    this.#child.tell("go");
    this.#read = this.#readAll();
    this.#read.catch((error) => this.#failure = error); // `isInside` and `stop` tell.
  }

  /** Ends it after the hold it has, or is waiting for. */
  async stop(): Promise<void> {
    this.#child.tell("stop");
    await this.#read;
  }

  /** Kills it now. A hold that it was in ends at `now`, at the latest, for the others. */
  async kill(now: () => number): Promise<void> {
    const at = now();
    this.#child.kill("SIGKILL");
    await this.#read?.catch(() => {});
    if (this.#began !== undefined) {
      const { at: began, token } = this.#began;
      this.holds.push({ began, ended: Math.max(began, at), token });
      this.#began = undefined;
    }
    await this.#child.ended;
  }

  async #readAll(): Promise<void> {
    for (;;) {
      const [word, at, token] = (await this.#child.line()).split(" ");
      if (word === "done") return;
      if (word === "in") this.#began = { at: Number(at), token: Number(token) };
      else if (word === "out" && this.#began !== undefined) {
        const { at: began, token } = this.#began;
        this.holds.push({ began, ended: Number(at), token });
        this.#began = undefined;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** The most holds that there were at a time. */
export function mostAtOnce(holds: readonly HoldRecord[]): number {
  const events = holds.flatMap(({ began, ended }) => [[began, 1], [ended, -1]]);
  events.sort(([a, up], [b, down]) => a - b || up - down);
  let now = 0;
  let most = 0;
  for (const [, step] of events) most = Math.max(most, now += step);
  return most;
}

/** Fails unless the tokens grow in the order of the holds, none twice. */
export function assertTokensGrow(holds: readonly HoldRecord[]): void {
  const sorted = holds.toSorted((a, b) => a.began - b.began);
  for (let i = 1; i < sorted.length; i++) {
    const [before, after] = [sorted[i - 1].token, sorted[i].token];
    assert.ok(after > before, `the token ${after} came after ${before}`);
  }
}
