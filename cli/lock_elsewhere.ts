import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import { isatty } from "node:tty";
import { isTimeoutError, UnsupportedError } from "../src/contract/errors.ts";
import { describeOwner } from "../src/contract/owner.ts";
import { FileLock } from "../src/files/file_lock.ts";
import { interruptible, Interruption } from "../src/host/interruption.ts";
import type { LockedRun, LockTask } from "./lock_options.ts";
import { report, say } from "./output.ts";

/** Signals that are forwarded to the command. */
const FORWARDED = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
] as const;
/** Signals that a terminal sends to the command too. */
const OF_TERMINAL: readonly string[] = ["SIGINT", "SIGQUIT"];

/**
 * `interlock lock` where a command cannot inherit the lock: on other systems than Linux, and in
 * Deno without foreign functions. This process holds the lock until the command has ended, as with
 * `--close`.
 */
export async function runElsewhere(task: LockTask): Promise<number> {
  if (task.kind !== "run" || typeof task.file === "number") {
    throw new UnsupportedError("Cannot lock a descriptor: this needs Linux and foreign functions");
  }
  const { file, run } = task;
  if (run.become) {
    throw new UnsupportedError(
      "Cannot use --no-fork: this needs Linux and foreign functions",
    );
  }
  try {
    return await interruptible((signal) => runHolding(file, run, signal), { output: false });
  } catch (error) {
    if (error instanceof Interruption) return error.status;
    throw error;
  }
}

async function runHolding(path: string, run: LockedRun, signal: AbortSignal): Promise<number> {
  const { mode, range, label, timeout, verbose } = run;
  if (mode === "none") return await runChild(wordsOf(run));
  using lock = new FileLock(path, { range, label, record: mayRecord(path) });
  const shared = mode === "shared";
  let guard = lock.tryAcquire({ shared });
  if (guard === undefined && timeout > 0) {
    if (verbose) say(`waiting for ${path}, held by ${describeOwner(lock.owner())}`);
    try {
      guard = await lock.acquire({ shared, timeout, signal });
    } catch (error) {
      if (!isTimeoutError(error)) throw error;
    }
  }
  if (guard === undefined) {
    if (verbose) say(`failed to get lock: ${path} is held by ${describeOwner(lock.owner())}`);
    return run.conflict;
  }
  if (verbose) report(`executing ${wordsOf(run)[0]}`);
  try {
    return await runChild(wordsOf(run));
  } finally {
    guard.release();
  }
}

/** An empty file stays empty: the command may append to it. */
function mayRecord(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size !== 0;
  } catch {
    return true; // Opening it gives the reason.
  }
}

function wordsOf({ command }: LockedRun): readonly string[] {
  if (typeof command !== "string") return command;
  return [process.env.SHELL || "/bin/sh", "-c", command];
}

function runChild(command: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), { stdio: "inherit" });
    for (const signal of FORWARDED) {
      if (constants.signals[signal] === undefined) continue; // Windows has few signals.
      process.on(signal, () => {
        if (!(OF_TERMINAL.includes(signal) && [0, 1, 2].some(isatty))) child.kill(signal);
      });
    }
    child.on("error", (error: Error & { code?: string }) => {
      say(`Cannot start "${command[0]}" (${error.code ?? "the system refused"})`);
      resolve(error.code === "ENOENT" ? 127 : 126);
    });
    child.on("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
}
