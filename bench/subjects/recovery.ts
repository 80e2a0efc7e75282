import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Runtime } from "../../src/host/runtimes.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { commandOf, environment } from "../launch.ts";
import type { Subject } from "./subject.ts";

const HOLDER = new URL("../launched/holder.ts", import.meta.url);
const HOLDERS = 12;
const OPERATION = "recovery from an owner that was killed";

/** A process that acquires the mutex on request and holds it until it is killed. */
class Holder {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(runtime: Runtime, memory: string) {
    const [path, ...args] = commandOf(runtime, HOLDER, memory);
    this.#process = spawn(path, args, {
      env: environment(),
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#process.stdin!.on("error", () => {}); // It was killed.
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  /** The next time that it prints. */
  async nextTime(): Promise<number> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error("A process that must hold a mutex has ended");
    return Number(value);
  }

  go(): void {
    this.#process.stdin!.write("go\n");
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

/** Kills one holder after the other; measures the time from the kill to the next acquisition. */
async function recoveries(runtime: Runtime): Promise<number[]> {
  const folder = mkdtempSync(
    join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "interlock-bench-"),
  );
  const memory = join(folder, "memory");
  const holders = Array.from({ length: HOLDERS }, () => new Holder(runtime, memory));
  try {
    await Promise.all(holders.map((holder) => holder.nextTime()));
    const [first, ...others] = holders;
    first.go();
    await first.nextTime();
    let last = first;
    const samples: number[] = [];
    for (const next of others) {
      next.go();
      await asleep();
      const killed = monotonicNanoseconds();
      last.kill();
      samples.push(await next.nextTime() - killed);
      last = next;
    }
    return samples;
  } finally {
    for (const holder of holders) holder.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits until the next holder sleeps, at a random time in its slice. */
function asleep(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 8));
}

/** The time to detect that an owner died. */
export const subject: Subject = {
  name: "recovery",
  launches: [
    {
      name: OPERATION,
      setting: "processes",
      count: 2,
      medium: "mapped",
      ms: 800,
      oncePerRound: true,
      measure: recoveries,
    },
  ],
  goals: [
    {
      claim: "Half of the recoveries from an owner that was killed take at most 5 ms",
      kind: "at most ns",
      goal: 5e6,
      row: { operation: OPERATION },
      percentile: "p50",
    },
    {
      claim:
        "All but one in a hundred recoveries from an owner that was killed take at most 100 ms",
      kind: "at most ns",
      goal: 100e6,
      row: { operation: OPERATION },
      percentile: "p99",
    },
  ],
};
