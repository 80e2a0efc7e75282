/**
 * A member of a fleet that is a Web Worker. The first message has its parameters, the others jobs.
 *
 * @module
 */
import { Memory } from "../../src/memory/mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { type Answer, answerTo, type ThreadSpec } from "./answer.ts";
import { type Job, type Membership, take } from "./member.ts";

const parent = adapter.parentThread();
if (parent === undefined) throw new Error("This module must run in a Web Worker");

let member: Membership | undefined;
const say = (answer: Answer) => parent.postMessage(answer);

parent.onMessage((message) => {
  if (member === undefined) {
    const spec = message as ThreadSpec;
    member = { ...spec, memory: Memory.from(spec.handle) };
    return say({ worker: spec.worker, ready: true });
  }
  const { worker } = member;
  void answerTo(message as Job, worker, (job) => take(job, member!)).then(say);
});
