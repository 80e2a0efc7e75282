import { writeSync } from "node:fs";
import process from "node:process";
import { describeOwner } from "../src/contract/owner.ts";
import { capabilitiesOf } from "../src/files/capabilities.ts";
import { ownerOf, starterOf, thisOwner } from "../src/files/lock_owner.ts";
import { LABEL_LENGTH } from "../src/files/lock_record.ts";
import { adapter } from "../src/runtime/adapter.ts";
import { inheritedFiles } from "../src/runtime/descriptors.ts";
import { execProgram } from "../src/runtime/exec.ts";
import type { LockFile } from "../src/runtime/lock_file.ts";
import { CommandRecord } from "./command_record.ts";
import { inheritedTarget, openForCommand, type Target } from "./lock_target.ts";
import { runChild, runProgram } from "./run_program.ts";

/**
 * Whether the command can inherit the lock. Elsewhere it is held here, until the command has ended:
 * as with `--close`.
 */
const inheritable = adapter.mayCallC();

/** How to lock. */
export interface LockOptions {
  /** `none` gives back what a descriptor has, and takes nothing. */
  readonly mode: "exclusive" | "shared" | "none";
  /** In milliseconds. */
  readonly timeout: number;
  /** The exit status where the lock is not to be had. */
  readonly conflict: number;
  readonly verbose: boolean;
}

/** What to run, and how to lock for it. */
export interface LockedRun extends LockOptions {
  readonly command: readonly string[];
  readonly label: string | undefined;
  /** Whether the command does not inherit the lock. */
  readonly close: boolean;
  /** Whether this process becomes the command, instead of waiting for it. */
  readonly become: boolean;
}

/** To the descriptor itself: a stream could make it non-blocking, for the command as well. */
function say(text: string): void {
  try {
    writeSync(2, `interlock: ${text}\n`);
  } catch {
    // Nobody listens, which is no reason not to run.
  }
}

/** How sysexits.h calls what went wrong with a file, as flock(1) tells it. */
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

/** Runs a command under the lock on a file or folder; gives the exit status. */
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
    say((error as Error).message);
    return statusOfFailure(error);
  }
  const { target, isNew } = opened;
  const { network } = capabilitiesOf(target.file);
  if (network !== undefined) {
    say(`${path} is on ${network}: the lock holds as far as that carries it to other machines`);
  }
  if (!await lock(target, path, run, signal)) return run.conflict;
  return await runHolding(target.file, isNew, run, inherited);
}

/**
 * Locks what a descriptor of the shell leads to, or gives it back; gives the exit status. The lock
 * stays with the shell, whose open file it is.
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
    say((error as Error).message);
    return 65; // EX_DATAERR
  }
  if (options.mode === "none") target.file.unlock();
  return await lock(target, target.file.path, options, signal) ? 0 : options.conflict;
}

/** Whether it has the lock now. */
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
    if (!await target.take(shared, { at: began + timeout, signal })) {
      say(`cannot lock ${path} in time, held by ${holder()}`);
      return false;
    }
  }
  if (verbose) say(`got ${path} after ${((performance.now() - began) / 1000).toFixed(3)} s`);
  return true;
}

/**
 * Runs the command with the lock. Neither side gives that back but by its own end: the command may
 * leave a process behind that goes on with it.
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
  // Nobody would strike out what a process enters that becomes another.
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
    say((error as Error).message);
    return (error as { code?: string }).code === "ENOENT" ? 127 : 126;
  } finally {
    noting(() => record?.leave());
  }
}

/** Writes to the record, which is for information: if that fails, the command goes on. */
function noting(write: () => void): void {
  try {
    write();
  } catch (error) {
    say(`the record of the holder is not right: ${(error as Error).message}`);
  }
}
