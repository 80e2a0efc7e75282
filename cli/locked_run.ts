import { describeOwner } from "../src/contract/owner.ts";
import { ownerOf } from "../src/files/lock_owner.ts";
import { O_RDONLY, O_RDWR, O_WRONLY } from "../src/runtime/c/constants.ts";
import { networkFileSystem } from "../src/runtime/files/file_status.ts";
import { isOpen, passOnExec, STREAMS } from "../src/runtime/files/descriptors.ts";
import {
  givenDescriptors,
  givenEnvironment,
  variableIn,
  withFileLimit,
} from "../src/runtime/programs/caller.ts";
import { endBy } from "../src/runtime/programs/signals.ts";
import { CommandRecord } from "./command_record.ts";
import type { LockedRun, LockOptions } from "./lock_options.ts";
import { inheritedTarget, isReplaced, openTarget, type Target } from "./lock_target.ts";
import { report, say } from "./output.ts";
import { catchSignals, type Ending, runProgram } from "./run_program.ts";
import { execProgram } from "../src/runtime/programs/exec.ts";

/**
 * The wait in the kernel looks at the time this often; what is left is waited for in small steps.
 */
const INTERVAL_MS = 50;

/** The exit status for a file that cannot be opened, from sysexits.h as in flock(1). */
function statusOfOpening(error: unknown): number {
  switch ((error as { code?: string }).code) {
    case "EMFILE":
    case "ENFILE":
    case "ENOMEM":
      return 71; // EX_OSERR
    case "EROFS":
    case "ENOSPC":
      return 73; // EX_CANTCREAT
    default:
      return 66; // EX_NOINPUT
  }
}

/** The exit status for a file that cannot be locked. */
function statusOfLocking(error: unknown): number {
  const { code } = error as { code?: string };
  return code === "ENOLCK" || code === "ENOMEM" ? 71 : 65; // EX_OSERR or EX_DATAERR
}

/** Runs a command under the lock on a file, a folder or a descriptor; returns the exit status. */
export function runLocked(file: string | number, run: LockedRun): number {
  // Before any file is opened.
  const given = givenDescriptors();
  const environment = givenEnvironment();
  let target: Target;
  try {
    target = typeof file === "number"
      ? inheritedTarget(checkGiven(file, given), run.range)
      : openTarget(file, run.range, run.range && run.mode === "exclusive" ? O_WRONLY : O_RDONLY);
  } catch (error) {
    return failed(error, typeof file === "number" ? 65 : statusOfOpening(error));
  }
  try {
    const held = lock(target, typeof file === "string", run);
    if (held === undefined) return run.conflict;
    target = held;
  } catch (error) {
    return failed(error, statusOfLocking(error));
  }
  const { fd } = target.file;
  passOnExec([...STREAMS, ...given ?? [], fd], run.close ? fd : undefined);
  return runHolding(target, run, environment);
}

/**
 * Locks or unlocks the open file of a descriptor of the shell; returns the exit status. The lock
 * stays with the shell, to which the open file belongs.
 */
export function lockDescriptor(fd: number, options: LockOptions): number {
  try {
    const target = inheritedTarget(checkGiven(fd, givenDescriptors()), options.range);
    if (options.mode === "none") target.lock.unlock();
    return lock(target, false, options) === undefined ? options.conflict : 0;
  } catch (error) {
    return failed(error, statusOfLocking(error));
  }
}

function failed(error: unknown, status: number): number {
  if ((error as { code?: string }).code === undefined && status !== 65) throw error;
  say((error as Error).message);
  return status;
}

/** @param given The inherited descriptors; `undefined` if the system does not tell. */
function checkGiven(fd: number, given: readonly number[] | undefined): number {
  if (given?.includes(fd) || (STREAMS.includes(fd) && isOpen(fd))) return fd;
  if (given === undefined) {
    // It may be one of the runtime's own.
    throw new Error(
      `Cannot lock descriptor ${fd}: /proc, which tells whose it is, is missing. Mount it`,
    );
  }
  throw new Error(
    `Cannot lock descriptor ${fd}: it is not open. Open it in the shell, for example by ${fd}>FILE`,
  );
}

/**
 * Acquires the lock; returns `undefined` if it is not acquired in time. While it waits, signals
 * have their default action: they end this process, as they end flock(1).
 *
 * @param opened Whether the target was opened by its path, and can be opened again.
 */
function lock(target: Target, opened: boolean, options: LockOptions): Target | undefined {
  const { mode, verbose } = options;
  if (mode === "none") return target;
  const began = performance.now();
  const deadline = began + options.timeout;
  if (verbose) reportNetwork(target);
  for (let write = false;;) {
    try {
      if (!take(target, deadline, options)) return undefined;
      if (!opened || !isReplaced(target)) break;
      target = reopened(target, options, write);
    } catch (error) {
      // NFS locks for writers only: it makes flock(2) a lock by fcntl(2).
      const { code } = error as { code?: string };
      if (write || !opened || mode === "shared" || (code !== "EBADF" && code !== "EIO")) {
        throw error;
      }
      write = true;
      target = reopened(target, options, write);
    }
  }
  if (verbose) {
    report(`getting lock took ${((performance.now() - began) / 1000).toFixed(6)} seconds`);
  }
  return target;
}

function reopened({ file, isNew }: Target, { range }: LockOptions, write: boolean): Target {
  const target = openTarget(file.path, range, write ? O_RDWR : range ? O_WRONLY : O_RDONLY);
  file.close();
  return { ...target, isNew: isNew || target.isNew };
}

function take({ file, lock }: Target, deadline: number, options: LockOptions): boolean {
  const { mode, timeout, verbose } = options;
  const shared = mode === "shared";
  if (lock.tryLock(shared)) return true;
  const holder = () => describeOwner(ownerOf(file));
  if (timeout === 0) {
    if (verbose) say(`failed to get lock: ${file.path} is held by ${holder()}`);
    return false;
  }
  if (verbose) say(`waiting for ${file.path}, held by ${holder()}`);
  const left = () => deadline - performance.now();
  if (lock.waitLock(shared, () => left() > INTERVAL_MS)) return true;
  while (left() > 0) {
    sleep(Math.min(1, left()));
    if (lock.tryLock(shared)) return true;
  }
  if (verbose) {
    say(`timeout while waiting to get lock: ${file.path} is held by ${holder()}`);
  }
  return false;
}

const asleep = new Int32Array(new SharedArrayBuffer(4));

function sleep(ms: number): void {
  Atomics.wait(asleep, 0, 0, ms);
}

function reportNetwork({ file }: Target): void {
  const network = networkFileSystem(file.fd);
  if (network === undefined) return;
  say(`${file.path} is on ${network}, which may not show this lock to other machines`);
}

/**
 * Runs the command with the lock, which is never released explicitly: it ends with the last process
 * that has it, which may be one that the command leaves behind.
 *
 * @param environment As the caller gave it; `undefined` if that cannot be read.
 */
function runHolding(
  target: Target,
  run: LockedRun,
  environment: readonly string[] | undefined,
): number {
  const { mode, become, verbose } = run;
  const variables = environment ?? runtimeEnvironment();
  const command = typeof run.command === "string"
    ? [variableIn(variables, "SHELL") || "/bin/sh", "-c", run.command]
    : run.command;
  const signals = become ? undefined : catchSignals();
  let record: CommandRecord | undefined;
  // A process that becomes the command could not clear its record.
  if (mode === "exclusive" && !become && run.range === undefined) {
    noting(() => record = CommandRecord.enter(target, run.label ?? command[0], run.close));
  }
  const { recovered, previousOwner } = record?.entry ?? {};
  if (verbose && recovered) say(`the last holder died: ${describeOwner(previousOwner)}`);
  if (verbose) report(`executing ${command[0]}`);
  let ended: Ending | undefined;
  try {
    if (signals === undefined) return withFileLimit(() => execProgram(command, variables));
    ended = runProgram(command, variables, signals, record !== undefined && !run.close);
  } catch (error) {
    say((error as Error).message);
    return (error as { code?: string }).code === "ENOENT" ? 127 : 126;
  } finally {
    noting(() => record?.leave(ended?.isAlone ?? true));
  }
  // So that the calling shell stops as well, if the user has pressed Ctrl-C.
  if (ended.signal !== undefined) endBy(ended.signal);
  return ended.status;
}

function runtimeEnvironment(): string[] {
  return Object.entries(globalThis.process.env).map(([name, value]) => `${name}=${value}`);
}

/** Writes the record, which is informative only: if that fails, the command goes on. */
function noting(write: () => void): void {
  try {
    write();
  } catch (error) {
    say(`cannot write the record of the holder: ${(error as Error).message}`);
  }
}
