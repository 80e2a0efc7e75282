import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseCount } from "../src/counting/config.ts";
import type { CountResult } from "../src/counting/result.ts";
import { runStrategy } from "../src/counting/run.ts";
import type { Runtime } from "../src/counting/runtimes.ts";
import type { StrategyName } from "../src/counting/strategies/names.ts";
import type { Subject } from "./figures.ts";
import type { Peers, PeerSubject } from "./peers.ts";

/** How much is counted, by how many, and where the text file is. */
export interface Size {
  readonly workers: number;
  readonly increments: number;
  readonly directory?: string;
}

const EMPTY = fileURLToPath(new URL("./empty.ts", import.meta.url));
const never = new AbortController().signal;

async function count(
  strategy: StrategyName,
  runtimes: readonly Runtime[],
  size: Size,
  warm = true,
): Promise<CountResult> {
  const config = parseCount({ unit: "process", warm, ...size }, "the size of a subject");
  const result = await runStrategy({ strategy, runtimes }, config, never, () => {});
  if (result.lost !== 0) throw new Error(`${strategy} lost ${result.lost} updates`);
  return result;
}

function nameOf(runtimes: readonly Runtime[]): string {
  return runtimes.map(({ name }) => name).join(" + ");
}

function sizeOf({ workers, increments }: Size): string {
  return `${workers} x ${increments.toLocaleString("en")}`;
}

/** An increment of a strategy, in processes. */
export function strategySubject(
  strategy: StrategyName,
  runtimes: readonly Runtime[],
  size: Size,
  where = "",
): Subject {
  return {
    name: `${strategy}${where}, ${sizeOf(size)}, ${nameOf(runtimes)}`,
    unit: "ns",
    measure: async () => (await count(strategy, runtimes, size)).nsPerIncrement,
  };
}

/** The same by the C twin. */
export function peerSubject(peers: Peers, subject: PeerSubject, size: Size, where = ""): Subject {
  return {
    name: `${subject}${where}, ${sizeOf(size)}, C`,
    unit: "ns",
    measure: () => peers.measure(subject, size.workers, size.increments, size.directory),
  };
}

/** All of a run but its counting and its warming: the start and the end of its workers. */
export function startSubject(runtime: Runtime, workers: number): Subject {
  return {
    name: `start and end of ${workers} workers, ${runtime.name}`,
    unit: "ms",
    async measure() {
      const size = { workers, increments: 1000 };
      const { totalMs, countingMs } = await count("atomic", [runtime], size, false);
      return totalMs - countingMs;
    },
  };
}

/** As many starts of the runtime with an empty program, one after the other. */
export function emptySubject(runtime: Runtime, times: number): Subject {
  const args = runtime.name === "deno"
    ? ["run", "--quiet", "--no-config", "--no-lock", "-A", EMPTY]
    : [EMPTY];
  return {
    name: `${times} empty programs in turn, ${runtime.name}`,
    unit: "ms",
    async measure() {
      const began = performance.now();
      for (let i = 0; i < times; i++) {
        await new Promise<void>((resolve, reject) => {
          const child = spawn(runtime.path, args, { env: { ...process.env, NO_COLOR: "1" } });
          child.on("error", reject);
          child.on("close", (code) => {
            if (code === 0) resolve();
            else reject(new Error(`${runtime.path} ended with status ${code}`));
          });
        });
      }
      return performance.now() - began;
    },
  };
}
