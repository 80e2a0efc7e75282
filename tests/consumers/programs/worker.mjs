/** A worker of the parts. Its first message says what to do. */
import { Segment } from "@interlock/interlock";
import { parentPort } from "node:worker_threads";
import { addToSum } from "./parts.mjs";

let release;

parentPort.on("message", (message) => {
  if (message === "release") return release();
  const segment = Segment.from(message.handle);
  if (message.hold) {
    const guard = segment.mutex("turn").acquireSync();
    release = () => guard.release();
    return parentPort.postMessage("held");
  }
  addToSum(segment, message.times);
  const counter = segment.counter("total");
  for (let i = 0; i < message.times; i++) counter.add();
  parentPort.postMessage("done");
});
