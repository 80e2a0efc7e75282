import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Gate } from "../src/counting/gate.ts";
import type { Runtime } from "../src/counting/runtimes.ts";
import { Memory } from "../src/memory/mod.ts";
import { argumentsFor } from "./alone_subjects.ts";
import { BYTES, type ContendedSubject } from "./contended_worker.ts";
import type { Subject } from "./figures.ts";

const ENTRY = fileURLToPath(new URL("./contended_worker.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Span {
  readonly start: number;
  readonly end: number;
  readonly counted?: number;
}

/** Processes of one runtime that do the same at once; nanoseconds each time. */
export function contendedSubject(
  what: ContendedSubject,
  runtime: Runtime,
  workers: number,
  times: number,
): Subject {
  return {
    name: `${what}, ${workers} x ${times.toLocaleString("en")}, ${runtime.name}`,
    unit: "ns",
    measure: () => measure(what, runtime, workers, times),
  };
}

async function measure(
  what: ContendedSubject,
  runtime: Runtime,
  workers: number,
  times: number,
): Promise<number> {
  const folder = mkdtempSync(join("/dev/shm", "interlock-contended-"));
  const path = join(folder, "memory");
  using memory = Memory.map(path, BYTES);
  const children = Array.from({ length: workers }, (_, worker) => {
    const args = [ENTRY, what, path, worker, workers, times].map(String);
    const stdio = ["ignore", "pipe", "inherit"] as const;
    return spawn(runtime.path, [...argumentsFor(runtime), ...args], {
      cwd: ROOT,
      stdio: [...stdio],
    });
  });
  try {
    const lines = children.map(({ stdout }) =>
      createInterface({ input: stdout! })[Symbol.asyncIterator]()
    );
    const next = () => Promise.all(lines.map(async (line) => (await line.next()).value as string));
    if ((await next()).some((line) => line !== "ready")) throw new Error(`${what} did not start`);
    new Gate(memory, workers).open();
    const spans = (await next()).map((line) => JSON.parse(line) as Span);
    const lost = spans.find(({ counted }) => counted !== undefined && counted !== workers * times);
    if (lost !== undefined) throw new Error(`${what} counted ${lost.counted}`);
    const start = Math.min(...spans.map(({ start }) => start));
    return (Math.max(...spans.map(({ end }) => end)) - start) / (workers * times);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}
