/**
 * Four workers of this process add to one number under a lock. It works on every system. Run it with
 * any runtime: `deno run --allow-read` (to load the workers), `bun`, `node`.
 *
 * @module
 */
import { once } from "node:events";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { Segment } from "../mod.ts";

const segment = isMainThread ? Segment.anonymous() : Segment.from(workerData);
const lock = segment.mutex("lock");
const sum = segment.rawValue("sum"); // Not atomic: the lock makes it exact.

if (isMainThread) {
  const workers = [1, 2, 3, 4].map(() =>
    new Worker(new URL(import.meta.url), { workerData: segment.handle })
  );
  await Promise.all(workers.map((worker) => once(worker, "exit")));
  console.log(`four workers counted to ${sum.value}`);
} else {
  for (let i = 0; i < 1000; i++) lock.runSync(() => sum.value++);
}
