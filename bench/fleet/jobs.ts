import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Gate } from "../../src/counting/gate.ts";
import { type Memory, regionOf } from "../../src/memory/memory.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import type { RowKey } from "../results.ts";
import type { Site } from "../site.ts";
import {
  type BenchContext,
  CONTEXT_BYTES,
  type Figure,
  type Operation,
  type Subject,
} from "../subjects/subject.ts";
import { handOff } from "./relay.ts";
import { type Count, countInStep, countInWindow, loopOf, warmUp } from "./window.ts";

/** A job of a fleet; sent as JSON. Times in nanoseconds. */
export interface Job {
  /** The number of the job, which selects its part of the memory. */
  readonly index: number;
  readonly row: Pick<RowKey, "subject" | "operation" | "by">;
  /** One thread by mitata, for this processor time; operations in a window; or hand-offs. */
  readonly how:
    | { readonly alone: number }
    | { readonly lead: number; readonly window: number }
    | { readonly turns: number };
}

/** The result of a member: a figure of one thread alone or of hand-offs, or a count. */
export interface Report extends Figure {
  /** The operations in a window. */
  readonly count?: Count;
  /** From the first member only: the total of all members, as the operation reads it. */
  readonly total?: number;
}

/** A member of a fleet: its number of all, and the resources that it shares with the others. */
export interface Membership {
  readonly worker: number;
  readonly workers: number;
  /** The largest number of jobs. */
  readonly jobs: number;
  readonly memory: Memory;
  readonly site: Site;
}

/** Bytes at the end of a context, for the gate, the window and the relay. */
const FRAME = 2048;
const FRAME_OFFSETS = { gate: 0, window: 512, relay: 640, last: 1024 } as const;
/** A hand-off without spinning takes this many times as long. */
const SLOWER = 5;
/** Enough for the percentiles, few enough to print. */
const MOST_SAMPLES = 20_000;

/** The bytes for a number of jobs and the warm-up of each worker. */
export function bytesFor({ jobs, workers }: Pick<Membership, "jobs" | "workers">): number {
  return (jobs + workers) * CONTEXT_BYTES;
}

/** Does a member's part of a job. All begin together, and all return after the last is done. */
export async function perform({ index, row, how }: Job, member: Membership): Promise<Report> {
  const { worker, workers, jobs, memory } = member;
  const operation = await operationOf(row);
  const { per = 1, awaited, inStep } = operation;
  const context = contextOf(member, index);
  if ("alone" in how) {
    const { call } = await operation.make!(context);
    const { timed } = operation;
    const { measure } = await import("mitata");
    // If its first call is slow, mitata times each call by itself, with the time of the clock.
    if (!timed) await call();
    const { p50, samples } = await measure(call, {
      min_cpu_time: how.alone,
      ...timed && { batch_threshold: 0, max_samples: MOST_SAMPLES },
    });
    return { ns: p50 / per, ...timed && { samples } };
  }
  const region = regionOf(memory);
  const frame = (index + 1) * CONTEXT_BYTES - FRAME;
  const gate = new Gate(memory, workers, frame + FRAME_OFFSETS.gate);
  if ("turns" in how) {
    const relay = operation.relay!(context);
    const turns = relay.yields ? Math.ceil(how.turns / SLOWER) : how.turns;
    const at = frame + FRAME_OFFSETS.relay;
    return { samples: await handOff(relay, memory, at, worker, turns, () => gate.meet()) };
  }
  // It warms up alone, in a context of its own, which an earlier job may have used.
  const scratch = contextOf({ ...member, worker: 0, workers: 1 }, jobs + worker);
  new Uint8Array(region.buffer, region.resolve(scratch.offset, CONTEXT_BYTES, 8), CONTEXT_BYTES)
    .fill(0);
  await warmUp(loopOf((await operation.make!(scratch)).call, awaited));
  const { call, read } = await operation.make!(context);
  const loop = loopOf(call, awaited);
  const from = region.resolve(frame + FRAME_OFFSETS.window, 8, 8);
  gate.meet();
  if (worker === 0) region.atomics.storeFloat64(from, monotonicNanoseconds() + how.lead);
  gate.meet();
  const start = region.atomics.loadFloat64(from);
  const window = { from: start, to: start + how.window };
  const last = region.resolve(frame + FRAME_OFFSETS.last, 4, 4);
  const { inside, done } = inStep
    ? countInStep(call, window, {
      read: () => region.atomics.load32(last),
      ...worker === 0 && { set: (step) => region.atomics.store32(last, step) },
    })
    : await countInWindow(loop, window);
  gate.meet();
  const count = { inside: inside * per, done: done * per };
  return { count, total: worker === 0 ? read?.() : undefined };
}

/** Makes the context number `index`: its part of the memory, and folders of its own. */
function contextOf({ memory, site, worker, workers }: Membership, index: number): BenchContext {
  const { temporary, packages, redis = "", storingRedis = "" } = site;
  const [folder, fast] = [temporary, site.fast].map((parent) => join(parent, String(index)));
  for (const path of [folder, fast]) mkdirSync(path, { recursive: true });
  return {
    memory,
    offset: index * CONTEXT_BYTES,
    folder,
    fast,
    worker,
    workers,
    redis,
    storingRedis,
    load(name) {
      if (packages === undefined) throw new Error(`Cannot load ${name}: it is not installed`);
      return createRequire(join(packages, "package.json"))(name);
    },
  };
}

/** Loads the operation of a row, without other subjects. */
async function operationOf({ subject, operation, by }: Job["row"]): Promise<Operation> {
  const loaded = await import(`../subjects/${subject}.ts`) as { subject: Subject };
  const found = loaded.subject.operations?.find((one) =>
    one.name === operation && (one.by ?? "interlock") === by
  );
  if (found !== undefined) return found;
  throw new Error(`Cannot find "${operation}" by ${by} in bench/subjects/${subject}.ts`);
}
