/**
 * Runs a job that a user must not run twice at the same time on this machine. Run it with any runtime:
 * `deno run -A`, `bun`, `node`.
 *
 * @module
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { FileLock } from "../mod.ts";

// Each user has a lock file: another user's cannot be opened. Windows has a folder for each user.
const user = process.getuid?.() ?? "own";
using lock = new FileLock(join(tmpdir(), `interlock-example-job-${user}.lock`));
using guard = lock.tryAcquire();
console.log(guard === undefined ? "the job is already running" : "the job ran");
