import type { Owner } from "../contract/owner.ts";
import { Directory } from "./directory.ts";
import { Memory } from "./memory.ts";
import { OWNER } from "./slots.ts";

/** A named thing in a segment. */
export interface InspectedCell {
  readonly name: string;
  readonly kind: string;
  /** The holder of a mutex; `undefined` if it is free. */
  readonly owner: Owner | undefined;
}

/**
 * Lists the named things in the file of a segment, with the holders of mutexes. Writes nothing to
 * it.
 *
 * @throws {SegmentFormatError} If the file is not a segment, is damaged, or other users may use it.
 * @throws {Error} With the `code` of the system: no such file, no permission.
 */
export function inspectSegment(path: string): InspectedCell[] {
  using memory = Memory.look(path);
  const ownerAt = (offset: number) =>
    memory.slots.describe(memory.atomic.load32(memory.place(offset, 4, 4)) & OWNER);
  return [...new Directory(memory, `"${path}"`).entries()].map(({ name, shape, offset }) => ({
    name,
    kind: shape,
    owner: shape === "mutex" ? ownerAt(offset) : undefined,
  }));
}
