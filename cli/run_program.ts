import { spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import { isatty } from "node:tty";
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

/** Sends signals on to the process that `pid` gives, once that is not 0. */
function forwardSignals(pid: () => number): void {
  for (const signal of FORWARDED) {
    if (constants.signals[signal] === undefined) continue; // Windows has few of them.
    process.on(signal, () => {
      const to = pid();
      if (to !== 0 && !(OF_TERMINAL.includes(signal) && isatty(0))) {
        process.kill(to, signal);
      }
    });
  }
}

/**
 * Runs a program that gets some descriptors to its end, by posix_spawn(3); gives its exit status,
 * as a shell has it. `onStart` is told its number.
 */
export async function runProgram(
  command: readonly string[],
  given: readonly number[],
  onStart: (pid: number) => void,
): Promise<number> {
  let pid = 0;
  let look = () => {};
  process.on("SIGCHLD", () => look());
  forwardSignals(() => pid);
  pid = spawnProgram(command, process.env, given);
  onStart(pid);
  const timer = setInterval(() => look(), LOOK_MS);
  let code: number | undefined;
  while ((code = statusOfProgram(pid)) === undefined) {
    await new Promise<void>((resolve) => look = resolve);
  }
  clearInterval(timer);
  return code;
}

/** The same by the runtime's own means, for a program that gets the standard streams alone. */
export function runChild(
  command: readonly string[],
  onStart: (pid: number) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { stdio: "inherit" });
    forwardSignals(() => child.pid ?? 0);
    child.on("error", reject);
    child.on("spawn", () => onStart(child.pid!));
    child.on("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
}
