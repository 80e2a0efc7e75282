import { namesIn } from "../files/folders.ts";
import { readAllOfProc } from "../files/open_file.ts";
import { processIdentity } from "../identity/thread_identity.ts";

/**
 * The processes that hold a file by flock(2), from the kernel's list `/proc/locks`; `undefined` if
 * that cannot be read. See proc_locks(5).
 *
 * @param id The device and the inode, as `major:minor:inode` in decimal.
 */
export function flockHolders(id: string): number[] | undefined {
  const file = listedAs(id);
  return readAllOfProc("/proc/locks")?.split("\n")
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields[1] === "FLOCK" && fields[5] === file)
    .map((fields) => Number(fields[4]));
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
