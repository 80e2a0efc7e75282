/**
 * A process of a fleet, and a Web Worker of one. A process is one member, or the parent of members
 * that are workers: its argument has the parameters; it reads jobs and writes answers as lines of
 * JSON. A worker gets its parameters as the first message, then jobs.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { dieWith } from "../../src/counting/host.ts";
import { messageLine } from "../../src/host/message.ts";
import { Memory, type MemoryHandle } from "../../src/memory/mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { bytesFor, type Job, type Membership, perform, type Report } from "./jobs.ts";

/** The parameters of a process of a fleet. */
export interface ProcessSpec extends Omit<Membership, "memory" | "worker"> {
  readonly coordinator: number;
  /** The number of this process; `undefined` if all members are its Web Workers. */
  readonly worker?: number;
  /** Whether the memory is a mapped file. */
  readonly mapped: boolean;
}

/** A message of a member: first, without a report, that it is ready; then one for each job. */
export interface Answer {
  readonly worker: number;
  readonly report?: Report;
  readonly failed?: string;
}

/** The first message to a Web Worker. */
type ThreadSpec = Omit<Membership, "memory"> & { readonly handle: MemoryHandle };
type Say = (answer: Answer) => void;

function beMember(member: Membership, say: Say): (job: Job) => void {
  const { worker } = member;
  say({ worker });
  return (job) =>
    void perform(job, member).then(
      (report) => say({ worker, report }),
      (error) => say({ worker, failed: error instanceof Error ? error.stack : String(error) }),
    );
}

function hostThreads({ jobs, workers, site }: ProcessSpec, say: Say): (job: Job) => void {
  const handle = Memory.anonymous(bytesFor({ jobs, workers })).handle!;
  const threads = Array.from({ length: workers }, (_, worker) => {
    const thread = adapter.spawnWorker(new URL(import.meta.url));
    thread.onError((error) => say({ worker, failed: error.message }));
    thread.onMessage((answer) => say(answer as Answer));
    thread.postMessage({ jobs, worker, workers, site, handle } satisfies ThreadSpec);
    return thread;
  });
  return (job) => threads.forEach((thread) => thread.postMessage(job));
}

function startProcess(spec: ProcessSpec): (job: Job) => void {
  const { worker, mapped, site } = spec;
  const say = (answer: Answer) => console.log(messageLine(answer).trimEnd());
  if (worker === undefined) return hostThreads(spec, say);
  const bytes = bytesFor(spec);
  const memory = mapped ? Memory.map(join(site.fast, "memory"), bytes) : Memory.anonymous(bytes);
  return beMember({ ...spec, worker, memory }, say);
}

const parent = adapter.parentThread();
let start: ((job: Job) => void) | undefined;
if (parent !== undefined) {
  parent.onMessage((message) => {
    if (start !== undefined) return start(message as Job);
    const { handle, ...spec } = message as ThreadSpec;
    start = beMember({ ...spec, memory: Memory.from(handle) }, (one) => parent.postMessage(one));
  });
} else {
  const spec = JSON.parse(adapter.args[0]) as ProcessSpec;
  dieWith(spec.coordinator);
  start = startProcess(spec);
  createInterface({ input: process.stdin })
    .on("line", (line) => start!(JSON.parse(line) as Job))
    .on("close", () => process.exit());
}
