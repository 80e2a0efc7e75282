/**
 * Runs a job that must not run twice at the same time on this machine. Run it with any runtime:
 * `deno run -A`, `bun`, `node`.
 *
 * @module
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileLock } from "../mod.ts";

using lock = new FileLock(join(tmpdir(), "interlock-example-job.lock"));
using guard = lock.tryAcquire();
console.log(guard === undefined ? "the job is already running" : "the job ran");
