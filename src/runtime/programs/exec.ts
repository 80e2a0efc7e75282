import { UnsupportedError } from "../../contract/errors.ts";
import { adapter } from "../adapters/adapter.ts";
import { cString, CStrings, environmentStrings } from "../c/c_strings.ts";
import { errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { keepOnExec, makeStreamsBlocking, STREAMS } from "../files/descriptors.ts";
import { ignoreNoSignals } from "./signals.ts";

const SIG_SETMASK = 2;

/**
 * Becomes another program, as the shell's `exec` does: with the same process number and standard
 * streams, all signals at their default and none blocked. Never returns.
 *
 * The system resets signals with a handler itself. They must keep the handler until then, since
 * JavaScriptCore stops its threads by a signal. The other threads of the runtime end.
 *
 * @param inherited Descriptors that the program also gets, with the same numbers.
 * @throws {Error} With the `code` of the system: no such program, not executable.
 */
export function execProgram(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  inherited: readonly number[],
): never {
  if (adapter.platform !== "linux") {
    throw new UnsupportedError(
      `Cannot become a program that keeps a lock on ${adapter.platform}: only Linux is supported`,
    );
  }
  makeStreamsBlocking();
  for (const fd of [...STREAMS, ...inherited]) keepOnExec(fd);
  ignoreNoSignals();
  // SAFETY: a `sigset_t` of glibc and of musl has 128 bytes.
  libc.sigprocmask(SIG_SETMASK, new Uint8Array(128), 0);
  const [argv, envp] = [new CStrings(command), environmentStrings(environment)];
  // SAFETY: the strings end with NUL, and `keep` below keeps both lists alive during the call.
  libc.execvpe(cString(command[0]), argv.address, envp.address);
  const failure = errno();
  for (const strings of [argv, envp]) strings.keep();
  throw systemError("start", command[0], failure);
}
