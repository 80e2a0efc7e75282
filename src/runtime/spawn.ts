import { UnsupportedError } from "../contract/errors.ts";
import { adapter } from "./adapter.ts";
import { systemError } from "./errno.ts";
import { libc } from "./libc.ts";

const SETSIGDEF = 4;
const SETSIGMASK = 8;
const WNOHANG = 1;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const STREAMS = [0, 1, 2];
const encoder = new TextEncoder();

/** Strings as C wants a list of them: pointers up to a null, in memory that stays where it is. */
class CStrings {
  readonly address: number;
  readonly #memory: Uint8Array;

  constructor(strings: readonly string[]) {
    const encoded = strings.map((text) => encoder.encode(`${text}\0`));
    const table = 8 * (strings.length + 1);
    const bytes = encoded.reduce((sum, { length }) => sum + length, table);
    // Small arrays lie where the collector of V8 moves them.
    this.#memory = new Uint8Array(Math.max(bytes, 4096));
    this.address = adapter.addressOf(this.#memory);
    const view = new DataView(this.#memory.buffer);
    let at = table;
    encoded.forEach((text, i) => {
      this.#memory.set(text, at);
      view.setBigUint64(8 * i, BigInt(this.address + at), true);
      at += text.length;
    });
  }

  /** To be called after the addresses were used: so long, the collector leaves the memory alone. */
  keep(): void {
    if (this.#memory.length === 0) throw new Error("Cannot keep strings: there are none");
  }
}

/**
 * Node makes pipes non-blocking when a module of the program imports `node:process`, and few
 * programs can write to one that is. The program has the same open file, so it is undone here.
 */
function makeBlocking(fd: number, flags: number): void {
  const number = adapter.arch === "arm64" ? 25 : 72; // fcntl(2), with an integer.
  libc.syscall(number, fd, F_SETFL, flags & ~O_NONBLOCK, new Uint8Array(8));
}

/**
 * Starts a program with this process's standard streams and all signals at their default; gives
 * its number. See posix_spawn(3).
 *
 * @param inherited A descriptor that it gets as well, under the same number.
 * @throws {Error} With the `code` of the system: no such program, not executable.
 */
export function spawnProgram(
  command: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  inherited: number | undefined,
): number {
  if (adapter.platform !== "linux") {
    throw new UnsupportedError(
      `Cannot start a program that inherits a lock on ${adapter.platform}: Linux is supported`,
    );
  }
  const [attributes, actions] = [new Uint8Array(1024), new Uint8Array(1024)];
  const signals = new Uint8Array(128);
  libc.posix_spawnattr_init(attributes);
  libc.posix_spawnattr_setsigmask(attributes, signals);
  libc.posix_spawnattr_setsigdefault(attributes, signals.fill(0xff));
  libc.posix_spawnattr_setflags(attributes, SETSIGDEF | SETSIGMASK);
  libc.posix_spawn_file_actions_init(actions);
  // Onto itself: it is not closed on exec then, as Node has it even of the standard streams.
  for (const fd of inherited === undefined ? STREAMS : [...STREAMS, inherited]) {
    const flags = libc.fcntl(fd, F_GETFL, new Uint8Array(8));
    if (flags < 0) continue; // It is closed.
    libc.posix_spawn_file_actions_adddup2(actions, fd, fd);
    if (STREAMS.includes(fd) && (flags & O_NONBLOCK) !== 0) makeBlocking(fd, flags);
  }
  const variables = Object.entries(environment)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  const [argv, envp] = [new CStrings(command), new CStrings(variables)];
  const pid = new Int32Array(32);
  const failure = libc.posix_spawnp(
    new Uint8Array(pid.buffer),
    encoder.encode(`${command[0]}\0`),
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
 * How a program that {@linkcode spawnProgram} started has ended, as a shell has it: its exit
 * status, or 128 and the number of the signal. `undefined` while it runs.
 */
export function statusOfProgram(pid: number): number | undefined {
  const status = new Int32Array(32);
  if (libc.waitpid(pid, new Uint8Array(status.buffer), WNOHANG) !== pid) return undefined;
  const signal = status[0] & 0x7f;
  return signal === 0 ? (status[0] >> 8) & 0xff : 128 + signal;
}
