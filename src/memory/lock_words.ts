import { Directory, type Entry } from "./directory.ts";
import { CHANNEL, CONDITION, HEADER, MUTEX } from "./layout.ts";
import type { Region } from "./region.ts";

/** Kinds of named things that begin with a mutex, and contain no other. */
const LOCKED = /^(mutex|value|array|record|seqlock record|once|locks)( |$)/;
/** Kinds with other words that name threads. */
const OWNED = /^(semaphore|rwlock|requests)( |$)/;
/** Kinds that name threads, and cannot be held. */
const NAMING = /^(barrier|channel|condition)( |$)/;
/** Kinds that contain no lock. */
const LOCKLESS = /^(counter|striped counter|raw value|raw array|flag|latch)( |$)/;
/** The bits of a lock word that name the holder; the bits above them are about waiters. */
export const OWNER = 0x3fffffff;

/** The words of a mutex that name threads: its holder, an owner that died, and its heir. */
const MUTEX_WORDS = [MUTEX.word, MUTEX.died, MUTEX.heir];

/** Whether a kind of named things can be held, or has a mutex that can. */
export function canBeHeld(shape: string): boolean {
  return LOCKED.test(shape) || OWNED.test(shape);
}

/** Whether a kind of named things has words that name threads. */
export function namesThreads(shape: string): boolean {
  return canBeHeld(shape) || NAMING.test(shape);
}

/** Whether a kind of named things begins with a mutex. */
export function startsWithMutex(shape: string): boolean {
  return LOCKED.test(shape);
}

/**
 * Yields the words of a memory that may name a thread: all words, if a program may have placed a
 * lock by an offset. A word that names a slot by chance only keeps that slot from being reused.
 */
export function* lockWordsOf(region: Region): Generator<number, void, void> {
  for (const { offset, size } of rangesOf(region)) {
    const at = region.base + HEADER.end + offset;
    for (let i = 0; i < size; i += 4) yield region.atomics.load32(at + i);
  }
}

function rangesOf(region: Region): Pick<Entry, "offset" | "size">[] {
  const { atomics, base, size } = region;
  const everything = [{ offset: 0, size }];
  if (atomics.load32(base + HEADER.directoryOnly) === 0) return everything;
  try {
    return [...new Directory({ region }, "a memory").records()].flatMap((entry) => {
      if (LOCKLESS.test(entry.shape)) return [];
      if (entry.shape === "condition") return { ...entry, size: CONDITION.numbers };
      if (entry.shape.startsWith("channel ")) return { ...entry, size: CHANNEL.sendersWait };
      if (!startsWithMutex(entry.shape)) return entry;
      return MUTEX_WORDS.map((word) => ({ offset: entry.offset + word, size: 4 }));
    });
  } catch {
    return everything; // The directory is damaged.
  }
}

/**
 * For how many milliseconds a mutex has been held by its holder, at least: since its first waiter
 * went to sleep. `undefined` if it has no waiter, which is the only case that is fast.
 */
export function leastHoldTime(region: Region, at: number): number | undefined {
  const { atomics } = region;
  const word = atomics.load32(at + MUTEX.word);
  const since = atomics.load64(at + MUTEX.since);
  if ((word & ~OWNER) === 0 || atomics.load32(at + MUTEX.word) !== word) return undefined;
  return Math.max(0, (region.now() - since) / 1000);
}
