import { checkFileAccess, type FileAccessOptions } from "../contract/file_access.ts";
import { type FileAccess, fileAccessBy } from "../runtime/files/file_access.ts";
import { O_DIRECTORY, O_PATH } from "../runtime/c/constants.ts";
import { libc } from "../runtime/c/libc.ts";
import { type FileStatus, statusOf, writers } from "../runtime/files/file_status.ts";
import { folderOf } from "../runtime/files/folders.ts";
import { closeFile, openFile } from "../runtime/files/open_file.ts";
import { userId } from "../runtime/identity/thread_identity.ts";

const PRIVATE = 0o600;
const GROUP = 0o660;
const EVERYBODY = 0o666;
const OTHER_USERS = 0o077;
const OTHERS_WRITE = 0o002;

/** A mode bit of a folder: only the owner of a file in it can remove or rename the file. */
const STICKY = 0o1000;
/** A mode bit of a folder: a file that is made in it has its group. */
const GIVES_ITS_GROUP = 0o2000;

/**
 * The access to a segment that a program asks for; `undefined` for this user alone.
 *
 * @throws {TypeError} If an option has a wrong type, or a group is given that the mode keeps out.
 * @throws {RangeError} If the mode is not 0o600, 0o660 or 0o666.
 * @throws {Error} If the system does not know the group.
 */
export function segmentAccessBy(options: FileAccessOptions, task: string): FileAccess | undefined {
  checkFileAccess(options, task);
  const access = fileAccessBy(options, task);
  if (access === undefined) return undefined;
  const { mode, group } = access;
  if (mode !== PRIVATE && mode !== GROUP && mode !== EVERYBODY) {
    throw new RangeError(
      `Cannot ${task}: mode must be 0o600, 0o660 or 0o666, since all users of a segment write to ` +
        `it (given 0o${mode.toString(8)})`,
    );
  }
  if (mode !== PRIVATE) return access;
  if (group === undefined) return undefined;
  throw new TypeError(`Cannot ${task}: group needs a mode that lets the group in, such as 0o660`);
}

/**
 * The access with the group that the system gives to a new file at a path, unless one was given.
 */
export function withGroup(access: FileAccess, path: string): FileAccess {
  if (access.group !== undefined) return access;
  const folder = folderOf(path);
  const fd = openFile(folder, O_PATH | O_DIRECTORY);
  try {
    const { mode, group } = statusOf(fd, folder);
    return { ...access, group: (mode & GIVES_ITS_GROUP) !== 0 ? group : libc.getgid() };
  } finally {
    closeFile(fd);
  }
}

/**
 * Describes why users other than those of the access can use a file, or why they cannot;
 * `undefined` if the file has exactly this access. Only a member of a group makes files of it.
 */
export function flawOfFile(
  { user, group, mode }: FileStatus,
  access: FileAccess | undefined,
): string | undefined {
  const bits = mode & 0o777;
  if (access === undefined) {
    if (user !== userId()) return `it belongs to user ${user}`;
    return (bits & OTHER_USERS) === 0
      ? undefined
      : `other users can use it: its mode is ${
        bits.toString(8)
      }. To share it, open it with that mode`;
  }
  if (bits !== access.mode) {
    return `its mode is ${bits.toString(8)}, not ${access.mode.toString(8)}`;
  }
  if (access.mode === EVERYBODY || group === access.group) return undefined;
  return `it belongs to group ${group}, not ${access.group}`;
}

/**
 * Describes why users other than those of the access could replace files in a folder; `undefined`
 * if they cannot. A folder such as /tmp is safe enough, since each file is checked as well.
 */
export function flawOfFolder(
  found: FileStatus,
  access: FileAccess | undefined,
): string | undefined {
  if (access?.mode === EVERYBODY) return undefined;
  const { user, mode } = found;
  // Its members trust each other with a segment, so with its folder as well.
  const isOfGroup = access !== undefined && found.group === (access.group ?? libc.getgid());
  if (user !== userId() && user !== 0 && !isOfGroup) return `it belongs to user ${user}`;
  const others = isOfGroup ? mode & OTHERS_WRITE : writers(found);
  if (others === 0 || (mode & STICKY) !== 0) return undefined;
  return `other users can write to it: its mode is ${mode.toString(8)}`;
}
