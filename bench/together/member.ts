import { Gate } from "../../src/counting/gate.ts";
import type { Memory } from "../../src/memory/mod.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { type Folders, operationOf, placeOf } from "../place.ts";
import type { RowKey } from "../results.ts";
import { PLACE_BYTES } from "../subjects/subject.ts";
import { pinned } from "./pinned.ts";
import { handOver } from "./relay.ts";
import { type Count, countInWindow } from "./window.ts";

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
  readonly memory: Memory;
  readonly folders: Folders;
}

/** From the end of a place, which operations do not use: the gate, the window, the relay. */
const FRAME = 2048;
const AT = { gate: 0, window: 512, relay: 640 } as const;

/** The bytes that so many jobs need. */
export function bytesFor(jobs: number): number {
  return jobs * PLACE_BYTES;
}

/** Does its part of a job. All members begin together, and none returns before the last is done. */
export async function take(job: Job, member: Membership): Promise<Report> {
  const { worker, workers, memory, folders } = member;
  const { index, how } = job;
  const operation = await operationOf(job.row);
  const place = placeOf(memory, folders, index, worker, workers);
  const frame = (index + 1) * PLACE_BYTES - FRAME;
  const gate = new Gate(memory, workers, frame + AT.gate);

  if ("turns" in how) {
    const relay = operation.relay!(place);
    const at = frame + AT.relay;
    const meet = () => gate.meet();
    using _pinned = pinned(worker);
    return { samples: await handOver(relay, memory, at, worker, how.turns, meet) };
  }
  const many = await operation.many!(place);
  const from = memory.place(frame + AT.window, 8, 8);
  gate.meet();
  if (worker === 0) memory.atomic.storeFloat64(from, monotonicNanoseconds() + how.lead);
  gate.meet();
  const start = memory.atomic.loadFloat64(from);
  const count = await countInWindow(many, { from: start, to: start + how.window });
  gate.meet();
  return { count, total: worker === 0 ? many.read?.() : undefined };
}
