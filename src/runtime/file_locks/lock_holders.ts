import { namesIn } from "../files/folders.ts";
import { readAllOfProc } from "../files/open_file.ts";
import { processIdentity } from "../identity/thread_identity.ts";

/** How often the list is read in vain: an entry is left out if others end while it is read. */
const READS = 3;

/** A process that holds a file by flock(2), or is blocked until it does. */
export interface ListedFlock {
  readonly pid: number;
  readonly isShared: boolean;
  readonly isWaiter: boolean;
}

/** A file in the lists of the kernel. */
export interface ListedFile {
  /** The device and the inode by stat(2), as `major:minor:inode` in decimal. */
  readonly id: string;
  /** A descriptor of it, by which its device is certain. */
  readonly fd?: number | undefined;
}

/**
 * The flock(2) locks on a file and their blocked waiters, from the kernel's list `/proc/locks`, which
 * leaves out processes of PID namespaces that are not below this one; `undefined` if it cannot be
 * read. See proc_locks(5).
 */
export function flocksOf(listed: ListedFile): ListedFlock[] | undefined {
  const file = nameOf(listed);
  let found: ListedFlock[] | undefined;
  for (let i = 0; i < READS && !found?.length; i++) {
    found = readAllOfProc("/proc/locks")?.split("\n").flatMap((line) => {
      const [isWaiter, [kind, , mode, pid, name]] = fieldsIn(line);
      if (kind !== "FLOCK" || name !== file) return [];
      return [{ pid: Number(pid), isShared: mode === "READ", isWaiter }];
    });
  }
  return found;
}

/** Whether a line of the list is a waiter's, and its fields after the number. */
function fieldsIn(line: string): [isWaiter: boolean, fields: string[]] {
  const [, ...fields] = line.split(/\s+/);
  return fields[0] === "->" ? [true, fields.slice(1)] : [false, fields];
}

/** The processes that hold a file by flock(2), as {@linkcode flocksOf} lists them. */
export function flockHolders(listed: ListedFile): number[] | undefined {
  return flocksOf(listed)?.filter(({ isWaiter }) => !isWaiter).map(({ pid }) => pid);
}

/**
 * The process that inherited a lock on a file from process `from`, by a descriptor of the same
 * number; of several, the oldest. `undefined` if none is visible.
 */
export function inheritorOf(
  listed: ListedFile,
  descriptor: number,
  from: number,
): number | undefined {
  const file = ` ${nameOf(listed)} `;
  let found: { readonly pid: number; readonly startTime: number } | undefined;
  for (const pid of processes()) {
    if (pid === from) continue;
    const info = readAllOfProc(`/proc/${pid}/fdinfo/${descriptor}`);
    if (!info?.split("\n").some((line) => line.includes("FLOCK") && line.includes(file))) continue;
    const { startTime } = processIdentity(pid);
    if (found === undefined || startTime < found.startTime) found = { pid, startTime };
  }
  return found?.pid;
}

function processes(): number[] {
  try {
    return namesIn("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return []; // It is not mounted.
  }
}

/** The name of a file in the lists of the kernel. */
function nameOf({ id, fd }: ListedFile): string {
  const [major, minor, inode] = id.split(/[: ]/);
  const device = (fd === undefined ? undefined : deviceOf(fd)) ?? [major, minor];
  const hex = device.map((number) => Number(number).toString(16).padStart(2, "0"));
  return [...hex, inode].join(":"); // The inode as it is: a number would round it.
}

/**
 * The device of the file system that a descriptor is on, which the lists name; `undefined` if it
 * cannot be read. In btrfs, and in some mounts of overlayfs, stat(2) tells another one. See
 * proc_pid_mountinfo(5).
 */
function deviceOf(fd: number): string[] | undefined {
  const info = readAllOfProc(`/proc/thread-self/fdinfo/${fd}`) ?? "";
  const [, mount] = /^mnt_id:\s*(\d+)$/m.exec(info) ?? [];
  const mounts = readAllOfProc("/proc/thread-self/mountinfo")?.split("\n") ?? [];
  const [, , device] = mounts.find((line) => line.startsWith(`${mount} `))?.split(" ") ?? [];
  return device?.split(":");
}
