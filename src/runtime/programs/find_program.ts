import {
  EACCES,
  ENODEV,
  ENOENT,
  ENOEXEC,
  ENOTDIR,
  errno,
  ESTALE,
  ETIMEDOUT,
  systemError,
} from "../c/errno.ts";
import { followedStatus } from "../files/file_status.ts";
import { variableIn } from "./caller.ts";

/** The folders that the C library searches without a PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";
/** After these errors, execvp(3) looks in the next folder. */
const GO_ON: readonly number[] = [EACCES, ENODEV, ENOENT, ENOTDIR, ESTALE, ETIMEDOUT];

/**
 * Starts a program as execvp(3) does: looks for a name without `/` in the folders of the caller's
 * PATH, and lets the shell run a script that does not begin with `#!`.
 *
 * @param start Starts a file with its arguments; returns 0, or the error number.
 * @throws {Error} With the `code` of the system: no such program, not executable.
 */
export function startFound(
  command: readonly string[],
  environment: readonly string[],
  start: (file: string, argv: readonly string[]) => number,
): void {
  const [name, ...rest] = command;
  let last: number = ENOENT;
  for (const file of filesOf(name, environment)) {
    let failure = start(file, command);
    if (failure === ENOEXEC) failure = start("/bin/sh", ["/bin/sh", file, ...rest]);
    if (failure === 0) return;
    if (last !== EACCES || !GO_ON.includes(failure)) last = failure;
    if (!GO_ON.includes(failure)) break;
  }
  throw systemError("start", name, last);
}

/**
 * The files of that name in the folders of PATH: a try to start a missing one would take longer.
 */
function filesOf(name: string, environment: readonly string[]): string[] {
  if (name === "") return [];
  if (name.includes("/")) return [name];
  const path = variableIn(environment, "PATH") ?? DEFAULT_PATH;
  return path.split(":")
    .map((folder) => folder === "" ? `./${name}` : `${folder}/${name}`)
    .filter((file) => followedStatus(file) !== undefined || errno() !== ENOENT);
}
