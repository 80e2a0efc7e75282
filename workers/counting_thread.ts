/**
 * The entry of a Web Worker of `interlock count`; its first message is a {@linkcode ThreadStart}.
 *
 * @module
 */
import type { ThreadMessage, ThreadStart } from "../src/counting/host.ts";
import { regions } from "../src/counting/layout.ts";
import { work } from "../src/counting/worker.ts";
import { Memory } from "../src/memory/memory.ts";
import { adapter } from "../src/runtime/adapters/adapter.ts";

const parent = adapter.parentThread();
if (parent === undefined) throw new Error("This module is for a Web Worker");

const tell = (message: ThreadMessage) => parent.postMessage(message);
let answer: ((value: number) => void) | undefined;

parent.onMessage((message) => {
  if (typeof message === "number") return answer?.(message);
  const { spec, handle } = message as ThreadStart;
  run(spec, handle).catch((error) =>
    tell({ say: { kind: "failed", failed: String(error?.message ?? error) } })
  );
});

async function run(spec: ThreadStart["spec"], handle: ThreadStart["handle"]): Promise<void> {
  const memory = handle === undefined
    ? Memory.map(spec.memory!, regions(spec.workers).byteLength)
    : Memory.from(handle);
  await work(spec, memory, {
    send: (message) => tell({ say: message }),
    ask: (request) =>
      new Promise((resolve) => {
        answer = resolve;
        tell({ ask: request });
      }),
  });
}
