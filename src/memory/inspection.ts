import type { Owner } from "../contract/owner.ts";
import { Directory } from "./directory.ts";
import type { MemorySlots, MemoryThread } from "./wait_records.ts";
import { leastHoldTime, OWNER } from "./lock_words.ts";
import { attachmentOf, copyMemory } from "./memory.ts";

/** A named thing in a segment. */
export interface InspectedCell {
  readonly name: string;
  readonly kind: string;
  /** The holder of a mutex; `undefined` if it is free. */
  readonly owner: Owner | undefined;
  /** For how many milliseconds it has been held, at least; `undefined` if it has no waiter. */
  readonly heldFor?: number;
  /** The threads that wait for it, and the threads whose tasks do. */
  readonly waiters: readonly { readonly owner: Owner; readonly since: Date }[];
}

/** What is in the file of a segment, and who has it open. */
export interface InspectedSegment {
  readonly cells: readonly InspectedCell[];
  readonly slots: MemorySlots;
  readonly threads: readonly MemoryThread[];
}

/**
 * Lists the named things in the file of a segment, with the holders of mutexes and all waiters, and
 * the threads that have the segment open. Does not write to the file.
 *
 * @throws {SegmentFormatError} If the file is not a segment, is damaged, or is another user's.
 * @throws {Error} With the `code` of the system: no such file, no permission.
 */
export function inspectSegment(path: string): InspectedSegment {
  using memory = copyMemory(path);
  const { region, threads: registry } = attachmentOf(memory);
  const threads = memory.threads();
  const cells = [...new Directory({ region }, `"${path}"`).entries()].map((entry) => {
    const { name, shape, offset, size } = entry;
    const at = region.resolve(offset, 4, 4);
    const isMutex = shape === "mutex";
    return {
      name,
      kind: shape,
      owner: isMutex ? registry.describe(region.atomics.load32(at) & OWNER) : undefined,
      heldFor: isMutex ? leastHoldTime(region, at) : undefined,
      waiters: threads.flatMap(({ owner, isGone, waits }) =>
        isGone ? [] : waits
          .filter((wait) => wait.offset >= offset && wait.offset < offset + size)
          .map(({ since }) => ({ owner, since }))
      ),
    };
  });
  return { cells, slots: memory.slots, threads };
}
