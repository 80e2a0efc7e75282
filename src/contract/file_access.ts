import { nameOf } from "./options.ts";

/** Options for which users may use the files that an object makes. */
export interface FileAccessOptions {
  /**
   * The permission bits of a new file, such as `0o660`; exact, whatever the umask is. Its owner
   * must be allowed to read and write (`0o600`). A file that exists keeps its own.
   *
   * @default {0o600}
   */
  mode?: number;
  /**
   * The group of a new file: its number, or its name in `/etc/group`. A user other than root must
   * be in that group. A file that exists keeps its own.
   *
   * @default The group that the system gives to a new file.
   */
  group?: number | string;
}

const OWNER = 0o600;
const MOST = 0o777;
/** The number that chown(2) takes for "unchanged". */
const NO_GROUP = 2 ** 32 - 1;

/**
 * Throws unless the options are usable.
 *
 * @param task What the options are for, such as "make a file lock".
 * @param modeName What the caller calls the mode.
 * @throws {TypeError} If one has a wrong type.
 * @throws {RangeError} If one is out of bounds, or the owner could not use the file.
 */
export function checkFileAccess(
  { mode, group }: FileAccessOptions,
  task: string,
  modeName = "mode",
): void {
  if (mode !== undefined) checkMode(mode, `Cannot ${task}: ${modeName}`);
  if (group !== undefined) checkGroup(group, `Cannot ${task}: group`);
}

function checkMode(mode: number, what: string): void {
  if (typeof mode !== "number") {
    throw new TypeError(`${what} must be a number such as 0o660, not ${nameOf(mode)}`);
  }
  if (!Number.isInteger(mode) || mode < 0 || mode > MOST) {
    throw new RangeError(`${what} must be permission bits from 0o600 to 0o777 (given ${mode})`);
  }
  if ((mode & OWNER) !== OWNER) {
    throw new RangeError(
      `${what} must let the owner read and write (0o600; given 0o${mode.toString(8)})`,
    );
  }
}

function checkGroup(group: number | string, what: string): void {
  if (typeof group === "string" && group !== "") return;
  if (typeof group !== "number") {
    throw new TypeError(`${what} must be a number or a name, not ${nameOf(group)}`);
  }
  if (Number.isInteger(group) && group >= 0 && group < NO_GROUP) return;
  throw new RangeError(`${what} must be a number from 0 to ${NO_GROUP - 1} (given ${group})`);
}
