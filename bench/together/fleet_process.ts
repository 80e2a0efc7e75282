/**
 * A process of a fleet: one member, or the parent of members that are Web Workers. Its argument has
 * its parameters; it reads jobs and writes answers as lines of JSON.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { dieWith } from "../../src/counting/host.ts";
import { Memory } from "../../src/memory/mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { type Answer, answerTo, type ProcessSpec, type ThreadSpec } from "./answer.ts";
import { bytesFor, type Job, take } from "./member.ts";

const THREAD = new URL("./fleet_thread.ts", import.meta.url);

function say(answer: Answer): void {
  console.log(JSON.stringify(answer));
}

function beMember(spec: ProcessSpec, worker: number): (job: Job) => void {
  const memory = Memory.map(join(spec.site.fast, "memory"), bytesFor(spec));
  const member = { ...spec, worker, memory };
  say({ worker, ready: true });
  return async (job) => say(await answerTo(job, worker, (job) => take(job, member)));
}

function hostThreads(spec: ProcessSpec): (job: Job) => void {
  const { jobs, workers, site } = spec;
  const handle = Memory.anonymous(bytesFor(spec)).handle!;
  const threads = Array.from({ length: workers }, (_, worker) => {
    const thread = adapter.spawnWorker(THREAD);
    thread.onError((error) => say({ worker, failed: error.message }));
    thread.onMessage((answer) => say(answer as Answer));
    thread.postMessage({ jobs, worker, workers, site, handle } satisfies ThreadSpec);
    return thread;
  });
  return (job) => threads.forEach((thread) => thread.postMessage(job));
}

const spec = JSON.parse(adapter.args[0]) as ProcessSpec;
dieWith(spec.coordinator);
const start = spec.worker === undefined ? hostThreads(spec) : beMember(spec, spec.worker);
createInterface({ input: process.stdin })
  .on("line", (line) => start(JSON.parse(line) as Job))
  .on("close", () => process.exit());
