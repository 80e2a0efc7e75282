import { adapter } from "../adapters/adapter.ts";
import { CStrings } from "../c/c_strings.ts";
import { libc } from "../c/libc.ts";
import { closeFile } from "../files/open_file.ts";
import { makeStreamsBlocking } from "../files/descriptors.ts";
import { systemBytes } from "../paths/path_bytes.ts";
import { startFound } from "./find_program.ts";
import { type CaughtSignals, signalsToReset, sleepUntilSignal } from "./signals.ts";

const SETSIGDEF = 4;
const SETSIGMASK = 8;
const WNOHANG = 1;
const PR_SET_CHILD_SUBREAPER = 36;
const unused = new Uint8Array(1);
/** pidfd_open(2) has this number on all processors, since Linux 5.3. */
const PIDFD_OPEN = 434;
/** A signal may arrive just before the sleep, which it does not end then. */
const LOOK_MS = 200;
/** The first and the longest sleep if the end of the program does not end it. */
const [FIRST_MS, LAST_MS] = [1, 50];

/**
 * Starts a program with this process's standard streams and the descriptors that are kept on exec,
 * no signal blocked, and none ignored but by the caller; returns its process number. See
 * posix_spawn(3).
 *
 * @throws {Error} With the `code` of the system: no such program, not executable.
 */
export function spawnProgram(command: readonly string[], environment: readonly string[]): number {
  // SAFETY: a `posix_spawnattr_t` of glibc and of musl has fewer than 1024 bytes, zeros at first:
  // the flags, the process group, the signals to reset at 8, the blocked ones at 136.
  const attributes = new Uint8Array(1024);
  attributes[0] = SETSIGDEF | SETSIGMASK;
  attributes.set(signalsToReset(), 8);
  makeStreamsBlocking();
  const pid = new Int32Array(32);
  const bytes = new Uint8Array(pid.buffer);
  const envp = new CStrings(environment);
  startFound(command, environment, (file, words) => {
    const argv = new CStrings(words);
    // SAFETY: the strings end with NUL, and `keep` keeps both lists alive during the call.
    const failure = libc.posix_spawn(
      bytes,
      systemBytes(file),
      0,
      attributes,
      argv.address,
      envp.address,
    );
    for (const strings of [argv, envp]) strings.keep();
    return failure;
  });
  return pid[0];
}

/** A program that {@linkcode spawnProgram} started, and what it leaves behind. */
export class Children {
  readonly #pid: number;
  #status: number | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /**
   * Waits until the program has ended; returns its exit status as a shell reports it: 128 plus the
   * number of the signal that ended it.
   *
   * @param onSignals Called with signals that have arrived in this process meanwhile.
   */
  wait(signals: CaughtSignals, onSignals: (arrived: readonly number[]) => void): number {
    const opened = libc.syscall(PIDFD_OPEN, this.#pid, 0, 0, unused);
    const pidfd = opened < 0 ? undefined : opened;
    try {
      for (let pause = FIRST_MS;; pause = Math.min(2 * pause, LAST_MS)) {
        const arrived = signals.take();
        if (arrived.length > 0) onSignals(arrived);
        this.hasMore();
        if (this.#status !== undefined) return this.#status;
        sleepUntilSignal(pidfd, pidfd === undefined ? pause : LOOK_MS);
      }
    } finally {
      if (pidfd !== undefined) closeFile(pidfd);
    }
  }

  /** Reaps the children that have ended; returns whether there are more. */
  hasMore(): boolean {
    const status = new Int32Array(32);
    for (;;) {
      // SAFETY: waitpid(2) writes an `int`.
      const pid = libc.waitpid(-1, new Uint8Array(status.buffer), WNOHANG);
      if (pid <= 0) return pid === 0;
      const signal = status[0] & 0x7f;
      if (pid === this.#pid) this.#status = signal ? 128 + signal : (status[0] >> 8) & 0xff;
    }
  }
}

/**
 * Makes this process the parent of all that its program leaves behind, in place of init, so that it
 * knows whether anything is left. See PR_SET_CHILD_SUBREAPER(2const).
 */
export function adoptOrphans(): void {
  libc.syscall(adapter.arch === "arm64" ? 167 : 157, PR_SET_CHILD_SUBREAPER, 1, 0, unused);
}
