import { UnsupportedError } from "../contract/errors.ts";
import { adapter } from "./adapter.ts";
import { CStrings, environmentStrings } from "./c_strings.ts";
import { keepOnExec, makeStreamsBlocking, STREAMS } from "./descriptors.ts";
import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { ignoreNoSignals } from "./signals.ts";

const SIG_SETMASK = 2;

/**
 * Becomes another program, as the shell's `exec` does: under the same process number, with the
 * same standard streams, all signals at their default and none blocked. Never returns.
 *
 * Signals with a handler fall back to their default by themselves, and must have it until then:
 * JavaScriptCore stops its threads by one. The other threads of the runtime end with it.
 *
 * @param inherited Descriptors that it gets as well, under the same numbers.
 * @throws {Error} With the `code` of the system: no such program, not executable.
 */
export function execProgram(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  inherited: readonly number[],
): never {
  if (adapter.platform !== "linux") {
    throw new UnsupportedError(
      `Cannot become a program that keeps a lock on ${adapter.platform}: Linux is supported`,
    );
  }
  makeStreamsBlocking();
  for (const fd of [...STREAMS, ...inherited]) keepOnExec(fd);
  ignoreNoSignals();
  libc.sigprocmask(SIG_SETMASK, new Uint8Array(128), 0);
  const [argv, envp] = [new CStrings(command), environmentStrings(environment)];
  const name = new TextEncoder().encode(`${command[0]}\0`);
  libc.execvpe(name, argv.address, envp.address);
  const failure = errno();
  for (const strings of [argv, envp]) strings.keep();
  throw systemError("start", command[0], failure);
}
