import { adapter } from "../adapters/adapter.ts";
import { CStrings } from "../c/c_strings.ts";
import { errno } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { makeStreamsBlocking } from "../files/descriptors.ts";
import { systemBytes } from "../paths/path_bytes.ts";
import { startFound } from "./find_program.ts";
import { resetSignals } from "./signals.ts";

const SIG_SETMASK = 2;
const EXIT_GROUP = { x64: 231, arm64: 94 } as const;

/**
 * Becomes another program, as the shell's `exec` does: with the same process number and standard
 * streams, the descriptors that are kept on exec, no signal blocked, and none ignored but by the
 * caller. Never returns.
 *
 * The system resets signals with a handler itself. They must keep the handler until then, since
 * JavaScriptCore stops its threads by a signal. The other threads of the runtime end.
 *
 * @throws {Error} With the `code` of the system: no such program, not executable.
 */
export function execProgram(command: readonly string[], environment: readonly string[]): never {
  makeStreamsBlocking();
  resetSignals();
  // SAFETY: a `sigset_t` of glibc and of musl has 128 bytes.
  libc.sigprocmask(SIG_SETMASK, new Uint8Array(128), 0);
  const envp = new CStrings(environment);
  startFound(command, environment, (file, words) => {
    const argv = new CStrings(words);
    // SAFETY: the strings end with NUL, and `keep` keeps both lists alive during the call.
    libc.execve(systemBytes(file), argv.address, envp.address);
    const failure = errno();
    for (const strings of [argv, envp]) strings.keep();
    return failure;
  });
  throw new Error(`execve(2) has returned in ${adapter.name}`);
}

/** Ends this process at once, as _exit(2) does, without what the runtime would do before. */
export function endProcess(status: number): void {
  const number = adapter.arch === "arm64" ? EXIT_GROUP.arm64 : EXIT_GROUP.x64;
  libc.syscall(number, status, 0, 0, new Uint8Array(1));
}
