import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Runtime } from "../../src/host/runtimes.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { commandOf, environment } from "../launch.ts";
import { makeSite } from "../site.ts";
import { claim, type Subject } from "./subject.ts";

const HOLDER = new URL("../programs/holder.ts", import.meta.url);
const HOLDERS = 12;
const operation = "recovery from an owner that was killed";

/** Starts a process that acquires the mutex on request and holds it until it is killed. */
function startHolder(runtime: Runtime, memory: string) {
  const [path, ...args] = commandOf(runtime, HOLDER, memory);
  const child = spawn(path, args, { env: environment(), stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => {}); // It was killed.
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    /** The next time that it prints. */
    async nextTime(): Promise<number> {
      const { done, value } = await lines.next();
      if (done) throw new Error("A process that must hold a mutex has ended");
      return Number(value);
    },
    go: () => child.stdin.write("go\n"),
    kill: () => child.kill("SIGKILL"),
  };
}

/** Kills one holder after the other; measures the time from the kill to the next acquisition. */
async function recoveries(runtime: Runtime): Promise<number[]> {
  using site = makeSite();
  const memory = join(site.fast, "memory");
  const holders = Array.from({ length: HOLDERS }, () => startHolder(runtime, memory));
  try {
    await Promise.all(holders.map((holder) => holder.nextTime()));
    let [last, ...others] = holders;
    last.go();
    await last.nextTime();
    const samples: number[] = [];
    for (const next of others) {
      next.go();
      await sleep(10 + Math.random() * 8); // It sleeps then, at a random time in its slice.
      const killed = monotonicNanoseconds();
      last.kill();
      samples.push(await next.nextTime() - killed);
      last = next;
    }
    return samples;
  } finally {
    for (const holder of holders) holder.kill();
  }
}

/** The time to detect that an owner died. */
export const subject: Subject = {
  name: "recovery",
  launches: [{
    name: operation,
    processes: 2,
    medium: "mapped",
    ms: 800,
    oncePerRound: true,
    measure: recoveries,
  }],
  goals: [
    claim("Half of the recoveries from an owner that was killed take at most 5 ms")
      .about({ operation }).takes(5e6, "p50"),
    claim("All but one in a hundred recoveries from an owner that was killed take at most 100 ms")
      .about({ operation }).takes(100e6, "p99"),
  ].flat(),
};
