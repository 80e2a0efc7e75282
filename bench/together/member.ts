import { Gate } from "../../src/counting/gate.ts";
import { type Memory, regionOf } from "../../src/memory/memory.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { operationOf, placeOf, type Site } from "../place.ts";
import type { RowKey } from "../results.ts";
import { type Place, PLACE_BYTES } from "../subjects/subject.ts";
import { pinned } from "./pinned.ts";
import { handOver } from "./relay.ts";
import { type Count, countInWindow, warmUp } from "./window.ts";

/** What a fleet does together; travels as JSON. Times in nanoseconds. */
export interface Job {
  /** Its number in the fleet: which part of the memory it has. */
  readonly index: number;
  readonly row: Pick<RowKey, "subject" | "operation" | "by">;
  /** In a window, or a lock in turns. */
  readonly how: { readonly lead: number; readonly window: number } | { readonly turns: number };
}

/** What a member has done. */
export interface Report {
  readonly count?: Count;
  readonly samples?: readonly number[];
  /** From the first member alone: how often all have done it, as the operation tells it. */
  readonly total?: number;
}

/** A member of a fleet: who it is, and what it shares with the others. */
export interface Membership {
  readonly worker: number;
  readonly workers: number;
  /** How many jobs there will be, at most. */
  readonly jobs: number;
  readonly memory: Memory;
  readonly site: Site;
}

/** From the end of a place, which operations do not use: the gate, the window, the relay. */
const FRAME = 2048;
/** A turn of a relay that may not spin takes so many times as long. */
const SLOWER = 5;
const AT = { gate: 0, window: 512, relay: 640 } as const;

/** The bytes that so many jobs need, and as many workers to warm up. */
export function bytesFor({ jobs, workers }: { jobs: number; workers: number }): number {
  return (jobs + workers) * PLACE_BYTES;
}

/** A place for a worker alone, as new. */
function scratchOf({ worker, jobs, memory, site }: Membership): Place {
  const place = placeOf(memory, site, jobs + worker, 0, 1);
  const { buffer } = regionOf(memory);
  const at = regionOf(memory).resolve(place.offset, PLACE_BYTES, 8);
  new Uint8Array(buffer, at, PLACE_BYTES).fill(0);
  return place;
}

/** Does its part of a job. All members begin together, and none returns before the last is done. */
export async function take(job: Job, member: Membership): Promise<Report> {
  const { worker, workers, memory, site } = member;
  const { index, how } = job;
  const operation = await operationOf(job.row);
  const place = placeOf(memory, site, index, worker, workers);
  const frame = (index + 1) * PLACE_BYTES - FRAME;
  const gate = new Gate(memory, workers, frame + AT.gate);

  if ("turns" in how) {
    const relay = operation.relay!(place);
    const at = frame + AT.relay;
    const meet = () => gate.meet();
    using _pinned = relay.yields ? undefined : pinned(worker);
    const turns = relay.yields ? Math.ceil(how.turns / SLOWER) : how.turns;
    return { samples: await handOver(relay, memory, at, worker, turns, meet) };
  }
  await warmUp(await operation.many!(scratchOf(member)));
  const many = await operation.many!(place);
  const region = regionOf(memory);
  const from = region.resolve(frame + AT.window, 8, 8);
  gate.meet();
  if (worker === 0) region.atomics.storeFloat64(from, monotonicNanoseconds() + how.lead);
  gate.meet();
  const start = region.atomics.loadFloat64(from);
  const { inside, done } = await countInWindow(many, { from: start, to: start + how.window });
  gate.meet();
  const { per = 1 } = operation;
  const count = { inside: inside * per, done: done * per };
  return { count, total: worker === 0 ? many.read?.() : undefined };
}
