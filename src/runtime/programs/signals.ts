import { EINTR, errno, systemError } from "../c/errno.ts";
import { addressOfFunction, libc } from "../c/libc.ts";
import { ownStatus } from "../identity/own_status.ts";

/** Numbers of signals, the same on x86-64 and arm64. */
export const SIGNALS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGTERM: 15,
  SIGCONT: 18,
  SIGXFSZ: 25,
} as const;

/** The signals that the runtimes themselves ignore. */
const OF_RUNTIMES: readonly number[] = [SIGNALS.SIGPIPE, SIGNALS.SIGXFSZ];
const OF_LIBRARIES: readonly number[] = [32, 33, 34];
const SA_RESETHAND = 0x80000000;
const RLIMIT_CORE = 4;
const POLLIN = 1;
const LAST = 64;

/** The signals of a mask in `/proc/self/status`; `undefined` if it cannot be read. */
function signalsIn(line: "SigIgn" | "SigCgt"): ReadonlySet<number> | undefined {
  const hex = ownStatus(line);
  if (hex === undefined) return undefined;
  const mask = BigInt(`0x${hex}`);
  const set = new Set<number>();
  for (let signal = 1; signal <= LAST; signal++) {
    if ((mask >> BigInt(signal - 1) & 1n) === 1n) set.add(signal);
  }
  return set;
}

/**
 * The signals that the caller of this process ignores and that a program must go on ignoring, as
 * nohup(1) demands. Node resets all of them as it starts, so it has none.
 */
export function ignoredByCaller(): ReadonlySet<number> {
  return new Set([...signalsIn("SigIgn") ?? []].filter((signal) => !OF_RUNTIMES.includes(signal)));
}

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

/** Sets the action of a signal: 0 for the default one, or the address of a handler. */
function setAction(signal: number, handler: number, flags = 0): void {
  // SAFETY: a `struct sigaction` of glibc and of musl has 152 bytes: the handler, the mask, the flags.
  const action = new DataView(new ArrayBuffer(152));
  action.setBigUint64(0, BigInt(handler), true);
  action.setUint32(136, flags, true);
  libc.sigaction(signal, new Uint8Array(action.buffer), 0);
}

/** Gives the signals that the runtime ignores their default action. */
export function resetSignals(): void {
  for (const signal of OF_RUNTIMES) setAction(signal, 0);
}

/** Ends this process by a signal, without a core dump of the runtime; returns if that fails. */
export function endBy(signal: number): void {
  // SAFETY: a `struct rlimit` has 16 bytes.
  libc.setrlimit(RLIMIT_CORE, new Uint8Array(16));
  setAction(signal, 0);
  libc.kill(libc.getpid(), signal);
}

/**
 * Signals that interrupt a blocked call of this process and do nothing else. The system gives a
 * signal its default action back as it arrives, which tells that it has.
 */
export class CaughtSignals {
  readonly #handler: number;
  readonly #signals: readonly number[];

  /**
   * Catches signals, without those that the caller ignores. Without `/proc`, catches none: they end
   * this process.
   */
  constructor(signals: readonly number[], ignored: ReadonlySet<number>) {
    // SAFETY: getppid(2) takes no argument, may be called by a signal handler, and does nothing else.
    this.#handler = addressOfFunction("getppid");
    const isKnown = signalsIn("SigCgt") !== undefined;
    this.#signals = isKnown ? signals.filter((signal) => !ignored.has(signal)) : [];
    for (const signal of this.#signals) setAction(signal, this.#handler, SA_RESETHAND);
  }

  /** The signals that have arrived since the last call. They are caught again. */
  take(): number[] {
    const caught = signalsIn("SigCgt");
    const arrived = this.#signals.filter((signal) => caught?.has(signal) === false);
    for (const signal of arrived) setAction(signal, this.#handler, SA_RESETHAND);
    return arrived;
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
