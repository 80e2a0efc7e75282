import { Directory, type Entry } from "./directory.ts";
import { HEADER } from "./layout.ts";
import type { Memory } from "./memory.ts";

/** Kinds of named things that begin with a mutex, and contain no other. */
const LOCKED = /^(mutex|value|array|record|seqlock record)( |$)/;
/** Kinds that contain no mutex. */
const LOCKLESS = /^(counter|striped counter|raw value|raw array|flag)( |$)/;
/** The bytes of a mutex that name threads: its holder, and an owner that died. */
const MUTEX_WORDS = 8;

/**
 * The words of a memory that may name a thread: all words, if a lock may have been placed by an
 * offset. A word that names a slot by chance only keeps that slot from being used again.
 */
export function* lockWordsOf(memory: Memory): Generator<number, void, void> {
  for (const { offset, byteLength } of rangesOf(memory)) {
    const at = memory.base + HEADER.end + offset;
    for (let i = 0; i < byteLength; i += 4) yield memory.atomic.load32(at + i);
  }
}

function rangesOf(memory: Memory): Pick<Entry, "offset" | "byteLength">[] {
  const { atomic, base, byteLength } = memory;
  const everything = [{ offset: 0, byteLength }];
  if (atomic.load32(base + HEADER.directoryOnly) === 0) return everything;
  try {
    return [...new Directory(memory, "a memory").entries()].flatMap((entry) => {
      if (LOCKLESS.test(entry.shape)) return [];
      return LOCKED.test(entry.shape) ? { ...entry, byteLength: MUTEX_WORDS } : entry;
    });
  } catch {
    return everything; // The directory is damaged.
  }
}
