import type { FileAccessOptions } from "../../contract/file_access.ts";
import { UnsupportedError } from "../../contract/errors.ts";
import { adapter } from "../adapters/adapter.ts";
import { errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { readAllOfProc } from "./open_file.ts";

const GROUPS = "/etc/group";
const PRIVATE_MODE = 0o600;
const ANY_MAY_READ = 0o444;
/** In place of a user that stays the same. */
const SAME_USER = 2 ** 32 - 1;

/** The access to a new file: its exact mode, and its group unless the system chooses. */
export interface FileAccess {
  readonly mode: number;
  readonly group: number | undefined;
}

/**
 * The access that checked options ask for; `undefined` if they ask for none: the umask counts then.
 *
 * @throws {UnsupportedError} If this is not Linux.
 * @throws {Error} If the system does not know the group.
 */
export function fileAccessBy(
  { mode, group }: FileAccessOptions,
  task: string,
): FileAccess | undefined {
  if (mode === undefined && group === undefined) return undefined;
  if (adapter.platform !== "linux") {
    throw new UnsupportedError(
      `Cannot ${task} with a mode or a group on ${adapter.platform}: only Linux is supported`,
    );
  }
  return {
    mode: mode ?? PRIVATE_MODE,
    group: typeof group === "string" ? groupNamed(group, task) : group,
  };
}

/** The access to a new folder of a file: users that may read the file may search the folder. */
export function folderAccessFor({ mode, group }: FileAccess): FileAccess {
  return { mode: mode | 0o100 | (mode & ANY_MAY_READ) >> 2, group };
}

/** Gives an open file the group and then the mode, so that no other group has the mode. */
export function giveAccess(fd: number, path: string, { mode, group }: FileAccess): void {
  if (group !== undefined && libc.fchown(fd, SAME_USER, group) !== 0) {
    const failure = errno();
    throw systemError(`give the group ${group} to`, path, failure);
  }
  if (libc.fchmod(fd, mode) !== 0) throw systemError("set the mode of", path, errno());
}

/** The number of a group by its name, see group(5). */
function groupNamed(name: string, task: string): number {
  const groups = readAllOfProc(GROUPS);
  for (const line of groups?.split("\n") ?? []) {
    const [found, , number] = line.split(":");
    if (found === name && /^\d+$/.test(number)) return Number(number);
  }
  const why = groups === undefined
    ? `${GROUPS} cannot be read`
    : `${GROUPS} has no group ${JSON.stringify(name)}`;
  throw new Error(`Cannot ${task}: ${why}. Give the number of the group`);
}
