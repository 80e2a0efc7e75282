import { writeSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";
import { describeOwner } from "../src/contract/owner.ts";
import { capabilitiesOf } from "../src/files/capabilities.ts";
import { Handle } from "../src/files/handle.ts";
import { ownerOf, programOwner, thisOwner } from "../src/files/lock_owner.ts";
import { LABEL_LENGTH, LockRecord } from "../src/files/lock_record.ts";
import { spawnProgram, statusOfProgram } from "../src/runtime/spawn.ts";

/** Sent on to the command. */
const FORWARDED = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
] as const;
/** A terminal sends these to the command as well. */
const OF_TERMINAL: readonly string[] = ["SIGINT", "SIGQUIT"];
/** In case that nobody tells of the end of a child. */
const LOOK_MS = 200;

/** What to run, and how to lock for it. */
export interface LockedRun {
  readonly file: string;
  readonly command: readonly string[];
  readonly shared: boolean;
  /** In milliseconds. */
  readonly timeout: number;
  readonly label: string | undefined;
  /** The exit status where the lock is not to be had. */
  readonly conflict: number;
  /** Whether the command does not inherit the lock. */
  readonly close: boolean;
  readonly verbose: boolean;
}

/** To the descriptor itself: a stream could make it non-blocking, for the command as well. */
function say(text: string): void {
  try {
    writeSync(2, `interlock: ${text}\n`);
  } catch {
    // Nobody listens, which is no reason not to run.
  }
}

/** Runs a command under a lock; gives the exit status. */
export async function runLocked(run: LockedRun, signal: AbortSignal): Promise<number> {
  const { file: path, shared, timeout } = run;
  const tell = run.verbose ? say : () => {};
  const handle = new Handle(path);
  const { network } = capabilitiesOf(handle.file);
  if (network !== undefined) {
    say(`${path} is on ${network}: the lock holds as far as that carries it to other machines`);
  }
  const began = performance.now();
  const holder = () => describeOwner(ownerOf(handle.file));
  if (!handle.tryTake(shared)) {
    if (timeout === 0) {
      tell(`${path} is held by ${holder()}`);
      return run.conflict;
    }
    say(`waiting for ${path}, held by ${holder()}`);
    if (!await handle.take(shared, { deadline: began + timeout, signal })) {
      say(`cannot lock ${path} in time, held by ${holder()}`);
      return run.conflict;
    }
  }
  tell(`got ${path} after ${((performance.now() - began) / 1000).toFixed(3)} s`);
  return await runHolding(handle, run, tell);
}

/**
 * Runs the command with the lock, which neither side gives back but by its end: the command may
 * have left a process behind that goes on with it.
 */
async function runHolding(
  { file }: Handle,
  { command, shared, label, close }: LockedRun,
  tell: (text: string) => void,
): Promise<number> {
  const record = new LockRecord(thisOwner(file, label));
  const entry = shared || !file.writable ? undefined : record.enter(file);
  if (entry?.recovered) tell(`the last holder died: ${describeOwner(entry.previousOwner)}`);
  let pid = 0;
  let look = () => {};
  process.on("SIGCHLD", () => look());
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      if (pid > 0 && !(OF_TERMINAL.includes(signal) && isatty(0))) process.kill(pid, signal);
    });
  }
  try {
    pid = spawnProgram(command, process.env, close ? undefined : file.fd);
  } catch (error) {
    if (entry !== undefined) record.leave(file);
    say((error as Error).message);
    return (error as { code?: string }).code === "ENOENT" ? 127 : 126;
  }
  tell(`running ${command[0]} as process ${pid}`);
  if (entry !== undefined && !close) {
    // From now on it is the command that holds it.
    const name = label ?? command[0].slice(0, LABEL_LENGTH);
    new LockRecord(programOwner(pid, name)).replace(file, entry.token);
  }
  const timer = setInterval(() => look(), LOOK_MS);
  let code: number | undefined;
  while ((code = statusOfProgram(pid)) === undefined) {
    await new Promise<void>((resolve) => look = resolve);
  }
  clearInterval(timer);
  if (entry !== undefined) record.leave(file);
  return code;
}
