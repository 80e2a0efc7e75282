import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Children } from "../../src/host/children.ts";
import type { Runtime } from "../../src/host/runtimes.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { claim, type Figure, type Launch, type Subject } from "./subject.ts";

const HOLDER = new URL("../programs/holder.ts", import.meta.url);
const HOLDERS = 12;
const operation = "recovery from an owner that was killed";

/** Starts a process that acquires the mutex on request and holds it until it is killed. */
function startHolder(children: Children, runtime: Runtime, memory: string) {
  let said = Promise.withResolvers<number>();
  let isKilled = false;
  const child = children.start<number>(
    {
      runtime,
      what: "the holder of a mutex",
      program: HOLDER,
      args: [memory],
      imports: false,
      receive: (time) => said.resolve(time),
    },
    "been killed",
    () => isKilled,
  );
  return {
    /** The next time that it prints. */
    async nextTime(): Promise<number> {
      const time = await children.orFailure(said.promise);
      said = Promise.withResolvers();
      return time;
    },
    go: () => child.tell("go"),
    kill() {
      isKilled = true;
      child.kill();
    },
  };
}

/** Kills one holder after the other; measures the time from the kill to the next acquisition. */
async function recoveries({ runtime, site, signal }: Launch): Promise<Figure> {
  await using children = new Children(signal);
  const memory = join(site.fast, "memory");
  const holders = Array.from({ length: HOLDERS }, () => startHolder(children, runtime, memory));
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
  return { samples };
}

/** The time to detect that an owner died. */
export const subject: Subject = {
  name: "recovery",
  programs: [{
    name: operation,
    inEach: true,
    medium: "mapped",
    sizes: "pair",
    ms: () => 800,
    measure: recoveries,
  }],
  goals: [
    claim("Half of the recoveries from an owner that was killed take at most 5 ms")
      .about({ operation }).takes(5e6, "p50"),
    claim("All but one in a hundred recoveries from an owner that was killed take at most 100 ms")
      .about({ operation }).takes(100e6, "p99"),
  ],
};
