import { EINTR, errno, systemError } from "../c/errno.ts";
import { addressOfFunction, libc } from "../c/libc.ts";

/** Numbers of signals, the same on x86-64 and arm64. */
export const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGXFSZ: 25,
} as const;

/** The signals that the runtimes themselves ignore. */
const OF_RUNTIMES: readonly number[] = [SIGNALS.SIGPIPE, SIGNALS.SIGXFSZ];
const OF_LIBRARIES: readonly number[] = [32, 33, 34];
const SA_SIGINFO = 4;
const SA_RESTART = 0x10000000;
const RLIMIT_CORE = 4;
const POLLIN = 1;
const SIG_DFL = 0;
const SIG_IGN = 1;
const DEFAULT: Action = { handler: SIG_DFL, flags: 0 };
const IGNORED: Action = { handler: SIG_IGN, flags: 0 };

/**
 * The signals that a program must not ignore only because the runtime or the C library does, as a
 * `sigset_t`: posix_spawn(3) of glibc lets it ignore the library's own ones.
 */
export function signalsToReset(): Uint8Array {
  // SAFETY: a `sigset_t` of glibc and of musl has 128 bytes.
  const set = new Uint8Array(128);
  for (const signal of [...OF_RUNTIMES, ...OF_LIBRARIES]) {
    set[(signal - 1) >> 3] |= 1 << ((signal - 1) & 7);
  }
  return set;
}

/** The action of a signal: a handler, or {@linkcode SIG_DFL} or {@linkcode SIG_IGN}. */
interface Action {
  readonly handler: number;
  readonly flags: number;
}

/** Sets the action of a signal; returns the last one. */
function setAction(signal: number, { handler, flags }: Action): Action {
  // SAFETY: a `struct sigaction` of glibc and of musl has 152 bytes: the handler, the mask, the flags.
  const [action, last] = [new ArrayBuffer(152), new ArrayBuffer(152)].map((at) => new DataView(at));
  action.setBigUint64(0, BigInt(handler), true);
  action.setUint32(136, flags, true);
  libc.sigaction(signal, new Uint8Array(action.buffer), new Uint8Array(last.buffer));
  return { handler: Number(last.getBigUint64(0, true)), flags: last.getUint32(136, true) };
}

/** Gives the signals that the runtime ignores their default action. */
export function resetSignals(): void {
  for (const signal of OF_RUNTIMES) setAction(signal, DEFAULT);
}

/** Lets this process learn how its children end, even if its caller ignores that, as flock(1) does. */
export function expectChildren(): void {
  setAction(SIGNALS.SIGCHLD, DEFAULT);
}

/** Ends this process by a signal, without a core dump of the runtime; returns if that fails. */
export function endBy(signal: number): void {
  // SAFETY: a `struct rlimit` has 16 bytes.
  libc.setrlimit(RLIMIT_CORE, new Uint8Array(16));
  setAction(signal, DEFAULT);
  libc.kill(libc.getpid(), signal);
}

/**
 * Signals that interrupt a blocked call of this process. Their handler is siginterrupt(3), which
 * removes the flag SA_RESTART of a signal and does nothing else: that tells which have arrived.
 */
export class CaughtSignals {
  readonly #action: Action;
  readonly #signals: readonly number[];

  /**
   * Catches signals, without those that the caller ignores, as nohup(1) demands. Node resets all of
   * them as it starts, so it ignores none.
   */
  constructor(signals: readonly number[]) {
    // SAFETY: a handler gets the signal and, by SA_SIGINFO, an address. To siginterrupt(3), these are
    // the signal and true. It only calls sigaction(2), which a handler may do.
    const handler = addressOfFunction("siginterrupt");
    this.#action = { handler, flags: SA_SIGINFO | SA_RESTART };
    this.#signals = signals.filter((signal) => {
      const isIgnored = setAction(signal, this.#action).handler === SIG_IGN;
      if (isIgnored) setAction(signal, IGNORED);
      return !isIgnored;
    });
  }

  /** The signals that have arrived since the last call. */
  take(): number[] {
    return this.#signals.filter((signal) => {
      return (setAction(signal, this.#action).flags & SA_RESTART) === 0;
    });
  }
}

/**
 * Sleeps until a signal is caught, a process ends, or some time is over.
 *
 * @param pidfd The process; see pidfd_open(2).
 */
export function sleepUntilSignal(pidfd: number | undefined, ms: number): void {
  // SAFETY: a `struct pollfd` has 8 bytes.
  const polled = new DataView(new ArrayBuffer(8));
  polled.setInt32(0, pidfd ?? -1, true);
  polled.setInt16(4, POLLIN, true);
  const result = libc.poll(new Uint8Array(polled.buffer), 1, ms);
  if (result < 0 && errno() !== EINTR) throw systemError("wait for", "the program", errno());
}
