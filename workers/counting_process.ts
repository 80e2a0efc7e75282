/**
 * The entry of a child process of `interlock count`; its only argument is a `HostSpec` in JSON.
 *
 * @module
 */
import { dieWith, type HostSpec, hostThreads, hostWorker, say } from "../src/counting/host.ts";
import { adapter } from "../src/runtime/mod.ts";
// For JSR: its npm package contains only the modules that others import.
import type {} from "./counting_thread.ts";

const spec: HostSpec = JSON.parse(adapter.args[0]);
dieWith(spec.coordinator);
try {
  switch (spec.role) {
    case "worker":
      await hostWorker(spec.worker);
      adapter.exit(0);
      break;
    case "threads":
      await hostThreads(
        spec.threads,
        new URL(`./counting_thread${import.meta.url.slice(-3)}`, import.meta.url),
      );
      adapter.exit(0);
      break;
    case "manager": {
      const { serveManager } = await import("../src/counting/manager_socket.ts");
      serveManager(spec.socket, () => say({ kind: "serving" }));
    }
  }
} catch (error) {
  say({ kind: "failed", failed: error instanceof Error ? error.message : String(error) });
  adapter.exit(1);
}
