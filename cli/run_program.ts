import { spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import { isatty } from "node:tty";
import { spawnProgram, statusOfProgram } from "../src/runtime/programs/spawn.ts";

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
/** How often to check for the end of the child, in case that SIGCHLD does not arrive. */
const LOOK_MS = 200;

/** Forwards signals to the process that `pid` returns, once that is not 0. */
function forwardSignals(pid: () => number): void {
  for (const signal of FORWARDED) {
    if (constants.signals[signal] === undefined) continue; // Windows has few signals.
    process.on(signal, () => {
      const to = pid();
      if (to !== 0 && !(OF_TERMINAL.includes(signal) && isatty(0))) {
        process.kill(to, signal);
      }
    });
  }
}

/**
 * Runs a program with some descriptors until it ends, by posix_spawn(3); resolves to its exit
 * status, as in a shell. Calls `onStart` with its process number.
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

/** The same with the runtime's own functions, for a program with the standard streams only. */
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
