import { libc } from "../src/runtime/c/libc.ts";
import { isInForeground } from "../src/runtime/identity/own_status.ts";
import { withFileLimit } from "../src/runtime/programs/caller.ts";
import { adoptOrphans, Children, spawnProgram } from "../src/runtime/programs/spawn.ts";
import { CaughtSignals, expectChildren, SIGNALS } from "../src/runtime/programs/signals.ts";

const { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT } = SIGNALS;
/** Signals that are forwarded to the command. */
const FORWARDED = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT];
/** Signals that a terminal sends to the command too. */
const OF_TERMINAL: readonly number[] = [SIGINT, SIGQUIT];

/** How a command has ended. */
export interface Ending {
  /** The exit status, as in a shell. */
  readonly status: number;
  /** The signal that reached both this process and the command, and ended the command. */
  readonly signal: number | undefined;
  /** Whether the command has left no process behind that may have inherited the lock. */
  readonly isAlone: boolean;
}

/**
 * Catches the signals to forward. Until then, they end this process; a program that is started
 * later must get those that arrive meanwhile.
 */
export function catchSignals(): CaughtSignals {
  return new CaughtSignals(FORWARDED);
}

/**
 * Runs a program until it ends, and forwards signals to it.
 *
 * @param adopts Whether to find out what the program leaves behind.
 */
export function runProgram(
  command: readonly string[],
  environment: readonly string[],
  signals: CaughtSignals,
  adopts: boolean,
): Ending {
  expectChildren();
  if (adopts) adoptOrphans();
  const pid = withFileLimit(() => spawnProgram(command, environment));
  const children = new Children(pid);
  const seen = new Set<number>();
  const status = children.wait(signals, (arrived) => {
    for (const signal of arrived) {
      seen.add(signal);
      if (!(OF_TERMINAL.includes(signal) && isInForeground())) libc.kill(pid, signal);
    }
  });
  return {
    status,
    signal: seen.has(status - 128) ? status - 128 : undefined,
    isAlone: adopts && !children.hasMore(),
  };
}
