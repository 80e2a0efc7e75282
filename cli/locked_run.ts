import { writeSync } from "node:fs";
import process from "node:process";
import { Deadline } from "../src/contract/deadline.ts";
import { isTimeoutError } from "../src/contract/errors.ts";
import { describeOwner } from "../src/contract/owner.ts";
import { capabilitiesOf } from "../src/files/capabilities.ts";
import { ownerOf, starterOf, thisOwner } from "../src/files/lock_owner.ts";
import { LABEL_LENGTH } from "../src/files/lock_record.ts";
import { adapter } from "../src/runtime/adapters/adapter.ts";
import { missingPermission } from "../src/runtime/adapters/missing_permission.ts";
import { inheritedFiles } from "../src/runtime/files/descriptors.ts";
import { execProgram } from "../src/runtime/programs/exec.ts";
import type { LockFile } from "../src/runtime/file_locks/lock_file.ts";
import { CommandRecord } from "./command_record.ts";
import { inheritedTarget, openForCommand, type Target } from "./lock_target.ts";
import { runChild, runProgram } from "./run_program.ts";

/**
 * Whether the command can inherit the lock. If not, this process holds it until the command has
 * ended, as with `--close`.
 */
const inheritable = adapter.mayCallC();

/** Options for locking. */
export interface LockOptions {
  /** `none` releases the lock of a descriptor and acquires none. */
  readonly mode: "exclusive" | "shared" | "none";
  /** In milliseconds. */
  readonly timeout: number;
  /** The exit status if the lock is not acquired. */
  readonly conflict: number;
  readonly verbose: boolean;
}

/** A command to run under a lock. */
export interface LockedRun extends LockOptions {
  readonly command: readonly string[];
  readonly label: string | undefined;
  /** Whether to keep the lock from the command. */
  readonly close: boolean;
  /** Whether this process becomes the command instead of waiting for it. */
  readonly become: boolean;
}

/** Writes to the descriptor itself: a stream could make it non-blocking, for the command too. */
function say(text: string): void {
  try {
    writeSync(2, `interlock: ${text}\n`);
  } catch {
    // The standard error is closed, which is no reason not to run.
  }
}

function reasonOf(error: unknown): string {
  return missingPermission(error) ?? (error as Error).message;
}

/** The exit status for an error of a file, from sysexits.h as in flock(1). */
function statusOfFailure(error: unknown): number {
  switch ((error as { code?: string }).code) {
    case "EMFILE":
    case "ENFILE":
    case "ENOMEM":
    case "ENOLCK":
      return 71; // EX_OSERR
    case "EROFS":
    case "ENOSPC":
      return 73; // EX_CANTCREAT
    default:
      return 66; // EX_NOINPUT
  }
}

/** Runs a command under the lock on a file or folder; returns the exit status. */
export async function runLocked(
  path: string,
  run: LockedRun,
  signal: AbortSignal,
): Promise<number> {
  const inherited = inheritable ? inheritedFiles() : [];
  let opened: ReturnType<typeof openForCommand>;
  try {
    opened = openForCommand(path);
  } catch (error) {
    say(reasonOf(error));
    return statusOfFailure(error);
  }
  const { target, isNew } = opened;
  const { network } = capabilitiesOf(target.file);
  if (network !== undefined) {
    say(`${path} is on ${network}, which may not show this lock to other machines`);
  }
  if (!await lock(target, path, run, signal)) return run.conflict;
  return await runHolding(target.file, isNew, run, inherited);
}

/**
 * Locks or unlocks the open file of a descriptor of the shell; returns the exit status. The lock
 * stays with the shell, to which the open file belongs.
 */
export async function lockDescriptor(
  fd: number,
  options: LockOptions,
  signal: AbortSignal,
): Promise<number> {
  let target: Target;
  try {
    target = inheritedTarget(fd);
  } catch (error) {
    say(reasonOf(error));
    return 65; // EX_DATAERR
  }
  if (options.mode === "none") target.file.unlock();
  return await lock(target, target.file.path, options, signal) ? 0 : options.conflict;
}

/** Acquires the lock; resolves to false if it is not acquired in time. */
async function lock(
  target: Target,
  path: string,
  { mode, timeout, verbose }: LockOptions,
  signal: AbortSignal,
): Promise<boolean> {
  if (mode === "none") return true;
  const shared = mode === "shared";
  const began = performance.now();
  const holder = () => describeOwner(ownerOf(target.file));
  if (!target.tryTake(shared)) {
    if (timeout === 0) {
      if (verbose) say(`${path} is held by ${holder()}`);
      return false;
    }
    say(`waiting for ${path}, held by ${holder()}`);
    const left = Math.max(0, began + timeout - performance.now());
    const tooLate = () => `cannot lock ${path} within ${timeout / 1000} s, held by ${holder()}`;
    try {
      await target.take(shared, new Deadline({ timeout: left, signal }, tooLate));
    } catch (error) {
      if (!isTimeoutError(error)) throw error;
      say(reasonOf(error));
      return false;
    }
  }
  if (verbose) say(`locked ${path} after ${((performance.now() - began) / 1000).toFixed(3)} s`);
  return true;
}

/**
 * Runs the command with the lock, which is never released explicitly: it ends with the last process
 * that has it, which may be one that the command leaves behind.
 */
async function runHolding(
  file: LockFile,
  isNew: boolean,
  run: LockedRun,
  inherited: readonly number[],
): Promise<number> {
  const { command, mode, label, close, become } = run;
  const given = close || file.fd === undefined ? inherited : [...inherited, file.fd];
  const tell = run.verbose ? say : () => {};
  let record: CommandRecord | undefined;
  // A process that becomes the command could not clear its record.
  if (mode === "exclusive" && !become) {
    const owner = close || !inheritable
      ? thisOwner(file, label)
      : starterOf(label ?? command[0].slice(0, LABEL_LENGTH), file.fd!);
    noting(() => record = CommandRecord.enter(file, isNew, owner));
  }
  const { recovered, previousOwner } = record?.entry ?? {};
  if (recovered) tell(`the last holder died: ${describeOwner(previousOwner)}`);
  try {
    if (become) {
      tell(`becoming ${command[0]}`);
      execProgram(command, process.env, given);
    }
    const onStart = (pid: number) => tell(`running ${command[0]} as process ${pid}`);
    return inheritable
      ? await runProgram(command, given, onStart)
      : await runChild(command, onStart);
  } catch (error) {
    say(reasonOf(error));
    return (error as { code?: string }).code === "ENOENT" ? 127 : 126;
  } finally {
    noting(() => record?.leave());
  }
}

/** Writes the record, which is informative only: if that fails, the command goes on. */
function noting(write: () => void): void {
  try {
    write();
  } catch (error) {
    say(`cannot write the record of the holder: ${(error as Error).message}`);
  }
}
