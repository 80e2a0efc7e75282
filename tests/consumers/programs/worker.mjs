/** A worker of the parts. Its first message says what to do. */
import { FileLock, Segment } from "@interlock/interlock";
import { parentPort } from "node:worker_threads";
import { addToSum } from "./parts.mjs";

let release;

function hold(lock) {
  const guard = lock.acquireSync();
  release = () => guard.release();
  parentPort.postMessage("held");
}

parentPort.on("message", (message) => {
  if (message === "release") return release();
  if (message.path) return hold(new FileLock(message.path, { label: "the worker" }));
  const segment = Segment.from(message.handle);
  if (message.hold) return hold(segment.mutex("turn"));
  if (message.set) return segment.flag("go").set();
  addToSum(segment, message.times);
  const counter = segment.counter("total");
  for (let i = 0; i < message.times; i++) counter.add();
  parentPort.postMessage("done");
});
