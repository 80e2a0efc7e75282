import { statusAt } from "../runtime/files/file_status.ts";
import { userId } from "../runtime/identity/thread_identity.ts";
import { MemoryCopy } from "./memory_copy.ts";
import { openMemoryFile, releaseMemoryFile, removeMemoryFile } from "./memory_file.ts";
import type { MemoryThread } from "./wait_records.ts";

/**
 * Removes the file of a segment if all threads that had it open are dead for certain. No thread can
 * open it meanwhile, since the creation lock is held.
 *
 * @returns The threads that have it open, or may have it open; none if it was removed.
 * @throws {SegmentFormatError} If the file is not a segment, is damaged, or is another user's.
 * @throws {Error} With the `code` of the system: no such file, no permission.
 */
export function removeIfUnused(path: string): MemoryThread[] {
  const found = statusAt(path);
  const access = found?.user === userId()
    ? { mode: found.mode & 0o777, group: found.group }
    : undefined;
  const size = { create: undefined, minimum: undefined, most: undefined };
  const file = openMemoryFile(path, size, { create: false, access });
  try {
    using memory = new MemoryCopy(path);
    const users = memory.region.file?.id === file.id
      ? memory.threads.all().filter(({ isGone }) => !isGone)
      : undefined;
    // Another program has replaced the file since it was opened.
    if (users === undefined) throw new Error(`Cannot remove "${path}": it was replaced meanwhile`);
    if (users.length === 0) removeMemoryFile(path);
    return users;
  } finally {
    releaseMemoryFile(file, path);
  }
}
