/**
 * A Web Worker with a workload of a stress test, its first message. Posts "ready", starts at the next
 * message, and posts "done".
 *
 * @module
 */
import { serveRace } from "../../support/racer.ts";
import { prepare, type Workload } from "./workload.ts";

serveRace((workload: Workload) => {
  const run = prepare(workload);
  return () => run().then(() => "done");
});
