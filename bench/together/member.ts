import { Gate } from "../../src/counting/gate.ts";
import { type Memory, regionOf } from "../../src/memory/memory.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { contextOf, operationOf } from "../context.ts";
import type { RowKey } from "../results.ts";
import type { Site } from "../site.ts";
import { type BenchContext, CONTEXT_BYTES } from "../subjects/subject.ts";
import { pinned } from "./pinned.ts";
import { handOver } from "./relay.ts";
import { type Count, countInWindow, warmUp } from "./window.ts";

/** A job of a fleet; sent as JSON. Times in nanoseconds. */
export interface Job {
  /** The number of the job, which selects its part of the memory. */
  readonly index: number;
  readonly row: Pick<RowKey, "subject" | "operation" | "by">;
  /** Operations in a window, or hand-overs of a lock. */
  readonly how: { readonly lead: number; readonly window: number } | { readonly turns: number };
}

/** The result of a member. */
export interface Report {
  readonly count?: Count;
  readonly samples?: readonly number[];
  /** From the first member only: the total of all members, as the operation reads it. */
  readonly total?: number;
}

/** A member of a fleet: its number, and the resources that it shares with the others. */
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
/** A hand-over without spinning takes this many times as long. */
const SLOWER = 5;
const FRAME_OFFSETS = { gate: 0, window: 512, relay: 640 } as const;

/** The bytes for a number of jobs and the warm-up of each worker. */
export function bytesFor({ jobs, workers }: { jobs: number; workers: number }): number {
  return (jobs + workers) * CONTEXT_BYTES;
}

/** Clears and returns the context in which a worker warms up alone. */
function scratchOf({ worker, jobs, memory, site }: Membership): BenchContext {
  const context = contextOf(memory, site, jobs + worker, 0, 1);
  const region = regionOf(memory);
  const at = region.resolve(context.offset, CONTEXT_BYTES, 8);
  new Uint8Array(region.buffer, at, CONTEXT_BYTES).fill(0);
  return context;
}

/** Does a member's part of a job. All begin together, and all return after the last is done. */
export async function take(job: Job, member: Membership): Promise<Report> {
  const { worker, workers, memory, site } = member;
  const { index, how } = job;
  const operation = await operationOf(job.row);
  const context = contextOf(memory, site, index, worker, workers);
  const frame = (index + 1) * CONTEXT_BYTES - FRAME;
  const gate = new Gate(memory, workers, frame + FRAME_OFFSETS.gate);

  if ("turns" in how) {
    const relay = operation.relay!(context);
    const at = frame + FRAME_OFFSETS.relay;
    const meet = () => gate.meet();
    using _pinned = relay.yields ? undefined : pinned(worker);
    const turns = relay.yields ? Math.ceil(how.turns / SLOWER) : how.turns;
    return { samples: await handOver(relay, memory, at, worker, turns, meet) };
  }
  await warmUp(await operation.together!(scratchOf(member)));
  const loop = await operation.together!(context);
  const region = regionOf(memory);
  const from = region.resolve(frame + FRAME_OFFSETS.window, 8, 8);
  gate.meet();
  if (worker === 0) region.atomics.storeFloat64(from, monotonicNanoseconds() + how.lead);
  gate.meet();
  const start = region.atomics.loadFloat64(from);
  const { inside, done } = await countInWindow(loop, { from: start, to: start + how.window });
  gate.meet();
  const { per = 1 } = operation;
  const count = { inside: inside * per, done: done * per };
  return { count, total: worker === 0 ? loop.read?.() : undefined };
}
