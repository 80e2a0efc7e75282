import { UnsupportedError } from "../../contract/errors.ts";
import { adapter } from "../adapters/adapter.ts";
import { cString, CStrings, environmentStrings } from "../c/c_strings.ts";
import { systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { isOpen, makeStreamsBlocking, STREAMS } from "../files/descriptors.ts";

const SETSIGDEF = 4;
const SETSIGMASK = 8;
const WNOHANG = 1;

/**
 * Starts a program with this process's standard streams and all signals at their default; returns
 * its process number. See posix_spawn(3).
 *
 * @param inherited Descriptors that the program also gets, with the same numbers.
 * @throws {Error} With the `code` of the system: no such program, not executable.
 */
export function spawnProgram(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  inherited: readonly number[],
): number {
  if (adapter.platform !== "linux") {
    throw new UnsupportedError(
      `Cannot start a program that inherits a lock on ${adapter.platform}: only Linux is supported`,
    );
  }
  // SAFETY: the attributes and actions of glibc and of musl have fewer than 1024 bytes each, and a
  // `sigset_t` has 128.
  const [attributes, actions] = [new Uint8Array(1024), new Uint8Array(1024)];
  const signals = new Uint8Array(128);
  libc.posix_spawnattr_init(attributes);
  libc.posix_spawnattr_setsigmask(attributes, signals);
  libc.posix_spawnattr_setsigdefault(attributes, signals.fill(0xff));
  libc.posix_spawnattr_setflags(attributes, SETSIGDEF | SETSIGMASK);
  libc.posix_spawn_file_actions_init(actions);
  makeStreamsBlocking();
  // A descriptor that is duplicated onto itself is not closed on exec. Node marks even the standard
  // streams close-on-exec.
  for (const fd of [...STREAMS, ...inherited]) {
    if (isOpen(fd)) libc.posix_spawn_file_actions_adddup2(actions, fd, fd);
  }
  const [argv, envp] = [new CStrings(command), environmentStrings(environment)];
  const pid = new Int32Array(32);
  // SAFETY: the strings end with NUL, and `keep` below keeps both lists alive during the call.
  const failure = libc.posix_spawnp(
    new Uint8Array(pid.buffer),
    cString(command[0]),
    actions,
    attributes,
    argv.address,
    envp.address,
  );
  libc.posix_spawn_file_actions_destroy(actions);
  for (const strings of [argv, envp]) strings.keep();
  if (failure !== 0) throw systemError("start", command[0], failure);
  return pid[0];
}

/**
 * How a program that {@linkcode spawnProgram} started has ended, as a shell reports it: its exit
 * status, or 128 plus the number of the signal. `undefined` while it runs.
 */
export function statusOfProgram(pid: number): number | undefined {
  const status = new Int32Array(32);
  // SAFETY: waitpid(2) writes an `int`.
  if (libc.waitpid(pid, new Uint8Array(status.buffer), WNOHANG) !== pid) return undefined;
  const signal = status[0] & 0x7f;
  return signal === 0 ? (status[0] >> 8) & 0xff : 128 + signal;
}
