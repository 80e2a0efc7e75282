/**
 * The entry of a child process of `interlock count`; its only argument is a `HostSpec` in JSON.
 *
 * @module
 */
import process from "node:process";
import { dieWith, type HostSpec, hostThreads, hostWorker, say } from "../src/counting/host.ts";
import { serveManager } from "../src/counting/manager.ts";

const spec: HostSpec = JSON.parse(process.argv[2]);
dieWith(spec.coordinator);
const worker = spec.role === "worker" ? spec.worker.worker : 0;
try {
  switch (spec.role) {
    case "worker":
      await hostWorker(spec.worker);
      process.exit(0);
      break;
    case "threads":
      await hostThreads(spec.threads, new URL("./counting_thread.ts", import.meta.url));
      process.exit(0);
      break;
    case "manager":
      serveManager(spec.socket, () => say({ kind: "ready", worker: -1 }));
  }
} catch (error) {
  say({ kind: "failed", worker, message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
