import type { Owner } from "../contract/owner.ts";
import { Directory } from "./directory.ts";
import { attachmentOf, copyMemory } from "./memory.ts";
import { OWNER } from "./thread_registry.ts";

/** A named thing in a segment. */
export interface InspectedCell {
  readonly name: string;
  readonly kind: string;
  /** The holder of a mutex; `undefined` if it is free. */
  readonly owner: Owner | undefined;
}

/**
 * Lists the named things in the file of a segment, with the holders of mutexes. Does not write to
 * the file.
 *
 * @throws {SegmentFormatError} If the file is not a segment, is damaged, or other users can use it.
 * @throws {Error} With the `code` of the system: no such file, no permission.
 */
export function inspectSegment(path: string): InspectedCell[] {
  using memory = copyMemory(path);
  const { region, threads } = attachmentOf(memory);
  const ownerAt = (offset: number) =>
    threads.describe(region.atomics.load32(region.resolve(offset, 4, 4)) & OWNER);
  return [...new Directory({ region }, `"${path}"`).entries()].map(({ name, shape, offset }) => ({
    name,
    kind: shape,
    owner: shape === "mutex" ? ownerAt(offset) : undefined,
  }));
}
