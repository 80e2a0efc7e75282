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

/**
 * The flock(2) locks on a file and their blocked waiters, from the kernel's list `/proc/locks`, which
 * leaves out processes of PID namespaces that are not below this one; `undefined` if it cannot be
 * read. See proc_locks(5).
 *
 * @param id The device and the inode, as `major:minor:inode` in decimal.
 */
export function flocksOf(id: string): ListedFlock[] | undefined {
  const file = listedAs(id);
  let found: ListedFlock[] | undefined;
  for (let i = 0; i < READS && !found?.length; i++) {
    found = readAllOfProc("/proc/locks")?.split("\n").flatMap((line) => {
      const [isWaiter, [kind, , mode, pid, listed]] = fieldsIn(line);
      if (kind !== "FLOCK" || listed !== file) return [];
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
export function flockHolders(id: string): number[] | undefined {
  return flocksOf(id)?.filter(({ isWaiter }) => !isWaiter).map(({ pid }) => pid);
}

/**
 * The process that inherited a lock on a file from process `from`, by a descriptor of the same
 * number; of several, the oldest. `undefined` if none is visible.
 */
export function inheritorOf(id: string, descriptor: number, from: number): number | undefined {
  const file = ` ${listedAs(id)} `;
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

/** How the kernel's lists identify a file. */
function listedAs(id: string): string {
  const [major, minor, inode] = id.split(":").map((part) => Number.parseInt(part));
  const hex = (number: number) => number.toString(16).padStart(2, "0");
  return `${hex(major)}:${hex(minor)}:${inode}`;
}
