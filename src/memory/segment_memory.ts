import { StaleSegmentError } from "../contract/errors.ts";
import { ENOENT, ENOTDIR } from "../runtime/c/errno.ts";
import type { FileAccess } from "../runtime/files/file_access.ts";
import { statusAt } from "../runtime/files/file_status.ts";
import type { DirectoryMemory } from "./directory.ts";
import { HEADER, LONGEST, UNIT } from "./layout.ts";
import { attachmentOf, mapMemory, type Memory, regionOf } from "./memory.ts";
import type { Region } from "./region.ts";

/** Where a named segment is, and which users it is for. */
export interface SegmentFile {
  readonly name: string;
  readonly directory: string;
  readonly access: FileAccess | undefined;
}

/**
 * The memory of a segment, which may become longer. A mapping cannot: when something beyond its end
 * is wanted, this thread maps the whole file once more. Both show the same file, and the kernel
 * finds waiters by file and offset, so what was made in the first mapping stays there.
 */
export class SegmentMemory implements DirectoryMemory {
  /** The file; `undefined` for an anonymous segment, which does not become longer. */
  readonly file: SegmentFile | undefined;
  /** The memory by all mappings, the longest one last. */
  readonly #mapped: Memory[];

  constructor(memory: Memory, file: SegmentFile | undefined) {
    this.#mapped = [memory];
    this.file = file;
  }

  /** The memory by its longest mapping. */
  get memory(): Memory {
    return this.#mapped.at(-1)!;
  }

  /** Its longest mapping. */
  get region(): Region {
    return regionOf(this.memory);
  }

  /** The bytes that can be used, some of which may not be mapped yet. */
  get size(): number {
    // Never less than is mapped: the word about it may be damaged.
    return Math.max(this.region.size, Math.min(this.#units * UNIT, LONGEST) - HEADER.end);
  }

  get #units(): number {
    const { atomics, base } = this.region;
    return atomics.load32(base + HEADER.units) >>> 0;
  }

  /**
   * Maps the memory in its present length, if it has become longer.
   *
   * @throws {StaleSegmentError} If it did, and the file was removed or replaced since.
   */
  follow(): void {
    if (this.size > this.region.size) this.#mapAgain(undefined);
  }

  /**
   * Makes the memory longer, by as much as it has or more, so that `size` bytes can be used.
   *
   * @returns False if the segment may not grow to that size by itself.
   * @throws {StaleSegmentError} If the file was removed or replaced.
   * @throws {Error} With the `code` of the system: no space.
   */
  grow(size: number): boolean {
    const { atomics, base } = this.region;
    const most = Math.min(atomics.load32(base + HEADER.mostUnits) >>> 0, LONGEST / UNIT);
    const needed = Math.ceil((HEADER.end + size) / UNIT);
    if (this.file === undefined || needed > most) return false;
    const units = Math.min(most, Math.max(needed, 2 * this.#units));
    this.#mapAgain(units * UNIT - HEADER.end);
    return true;
  }

  /** Whether the file is known to have been removed or replaced. */
  get stale(): boolean {
    const { atomics, base, id } = this.region;
    const removed = atomics.load32(base + HEADER.removed);
    if (this.file === undefined || removed !== 0) return removed !== 0;
    try {
      const found = statusAt(this.#path);
      return found === undefined || !id!.startsWith(`${found.id}:`);
    } catch (error) {
      // What could not be read is unknown, unless a folder of the path is a file now.
      return (error as { errno?: number }).errno === ENOTDIR;
    }
  }

  /** The error that the segment is stale. */
  staleError(task: string): StaleSegmentError {
    return new StaleSegmentError(
      `Cannot ${task} in the segment "${this.file?.name}": it was removed or replaced since it was ` +
        "opened, so programs that open it now do not share it. Close it, and open it again",
    );
  }

  /**
   * Closes all mappings, or none.
   *
   * @throws {Error} If this thread holds a lock in one of them.
   */
  close(): void {
    const open = this.#mapped.filter(({ closed }) => !closed);
    for (const memory of open) attachmentOf(memory).checkUnheld(0);
    // The longest one tells of all locks.
    const last = open.at(-1);
    if (last !== undefined) attachmentOf(last).checkUnheld(open.length);
    for (const memory of open) memory.close();
  }

  get #path(): string {
    const { directory, name } = this.file!;
    return `${directory}/${name}`;
  }

  #mapAgain(minimum: number | undefined): void {
    const task = "use more bytes";
    const { access } = this.file!;
    const sizes = { create: undefined, minimum, most: undefined };
    let memory: Memory;
    try {
      memory = mapMemory(this.#path, sizes, { create: false, access, id: this.memory.id });
    } catch (error) {
      const { errno } = error as { errno?: number };
      if (errno === ENOENT || errno === ENOTDIR) throw this.staleError(task);
      throw error;
    }
    if (memory.id === this.memory.id) this.#mapped.push(memory);
    else {
      memory.close();
      throw this.staleError(task);
    }
  }
}
