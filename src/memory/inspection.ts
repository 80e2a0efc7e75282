import type { Owner } from "../contract/owner.ts";
import { O_NOFOLLOW, O_RDONLY } from "../runtime/c/constants.ts";
import { statusAt, statusOf } from "../runtime/files/file_status.ts";
import { namesIn } from "../runtime/files/folders.ts";
import { closeFile, openIfThere, readAt, tryOpen } from "../runtime/files/open_file.ts";
import type { AtomicOperations } from "./atomic_operations.ts";
import { Directory, type Entry } from "./directory.ts";
import { elementOf, type ElementType } from "./element.ts";
import { ARRIVED, BARRIER, HEADER, lengthIn, MAGIC, MUTEX, ONCE } from "./layout.ts";
import { leastHoldTime, OWNER, startsWithMutex } from "./lock_words.ts";
import { attachmentOf, copyMemory } from "./memory.ts";
import type { Region } from "./region.ts";
import type { MemorySlots, MemoryThread, RecordedWait } from "./wait_records.ts";

/** The line after which the contents of a thing with a lock begin; stripes are as far apart. */
const LINE = 128;
/** How many elements of an array are read. */
const MOST_ELEMENTS = 8;
const INCONSISTENT = 0x80000000 | 0;

/** A number, a truth value, or the first elements of an array. */
export type InspectedValue = number | bigint | boolean | readonly (number | bigint)[];

/** The lock of a named thing. */
export interface InspectedMutex {
  /** `dead` if its holder is dead for certain: the next waiter recovers it. */
  readonly state: "free" | "held" | "dead";
  /** The holder; `undefined` if it is free, or the memory does not know the thread. */
  readonly owner: Owner | undefined;
  /** For how many milliseconds it has been held, at least; `undefined` if it has no waiter. */
  readonly heldFor: number | undefined;
  /** The last fencing token; 0 before the first guard. */
  readonly token: number | bigint;
  /**
   * `recovered` if an owner died and no later holder has acknowledged that; `inconsistent` if a
   * holder marked the contents so.
   */
  readonly contents: "consistent" | "recovered" | "inconsistent";
  /** The owner that died or marked the contents. */
  readonly diedOwner: Owner | undefined;
}

/** A named thing in a segment. */
export interface InspectedCell extends Partial<InspectedMutex> {
  readonly name: string;
  readonly kind: string;
  /**
   * What it contains: of a barrier, how many have arrived; of a value that is made once, whether it was;
   * `undefined` for a lock, a latch, a condition, a record, or a kind this program lacks.
   */
  readonly value?: InspectedValue;
  /** The threads that wait for it, and the threads whose tasks do. */
  readonly waiters: readonly { readonly owner: Owner; readonly since: Date }[];
}

/** A thread that has a segment open. */
export interface InspectedThread extends MemoryThread {
  readonly waits: readonly (RecordedWait & {
    /** The name of what it waits for. */
    readonly name?: string;
  })[];
  /** The command line of its process; `undefined` if it is dead or in another PID namespace. */
  readonly command: string | undefined;
}

/** What is in the file of a segment, and who has it open. */
export interface InspectedSegment {
  readonly cells: readonly InspectedCell[];
  readonly slots: MemorySlots;
  readonly threads: readonly InspectedThread[];
  /** Why the list of its names cannot be read to its end. */
  readonly damage?: string;
}

/** A segment in a folder, as far as it could be read. */
export interface SegmentView extends Partial<InspectedSegment> {
  readonly name: string;
  readonly path: string;
  /** The bytes for the things in it. */
  readonly size: number;
  /** Why it cannot be read. */
  readonly error?: string;
}

/**
 * Lists the named things in the file of a segment with their values, the holders of locks and all
 * waiters, and the threads that have the segment open. Maps the file privately: takes no lock and
 * no slot, and writes nothing.
 *
 * @throws {SegmentFormatError} If the file is not a segment, is damaged, or is another user's.
 * @throws {Error} With the `code` of the system: no such file, no permission.
 */
export function inspectSegment(path: string): InspectedSegment {
  using memory = copyMemory(path);
  const { region, threads: registry } = attachmentOf(memory);
  const threads = new Map<number, InspectedThread>();
  /** A thread, looked at once. */
  const threadOf = (identity: number): InspectedThread | undefined => {
    let found = threads.get(identity);
    if (found === undefined) {
      const command = registry.commandOf(identity); // First: its number is not used again before.
      const thread = registry.look(identity);
      if (thread === undefined) return undefined;
      found = { ...thread, command: thread.isGone ? undefined : command };
      threads.set(identity, found);
    }
    return found;
  };
  const waiters: { offset: number; owner: Owner; since: Date }[] = [];
  for (const identity of registry.list()) {
    const thread = threadOf(identity);
    if (thread === undefined || thread.isGone) continue;
    const { owner } = thread;
    for (const { offset, since } of thread.waits) waiters.push({ offset, owner, since });
  }
  const cells: InspectedCell[] = [];
  const entries: Entry[] = [];
  let damage: string | undefined;
  try {
    for (const entry of new Directory({ region }, `"${path}"`).entries()) {
      const { name, shape: kind, offset } = entry;
      entries.push(entry);
      const hasLock = startsWithMutex(kind) && entry.size >= LINE;
      cells.push({
        name,
        kind,
        value: valueOf(region, entry),
        ...hasLock && lockOf(region, region.resolve(offset, MUTEX.bytes, 8), threadOf),
        waiters: waiters.filter((wait) => isIn(entry, wait.offset))
          .map(({ owner, since }) => ({ owner, since })),
      });
    }
  } catch (error) {
    damage = (error as Error).message; // What was read before it is shown.
  }
  const named = [...threads.values()].map((thread) => ({
    ...thread,
    waits: thread.waits.map((wait) => ({
      ...wait,
      name: entries.find((entry) => isIn(entry, wait.offset))?.name,
    })),
  }));
  return { cells, slots: memory.slots, threads: named, damage };
}

/** Whether a word is in a named thing: a read-write lock has several to wait at. */
function isIn({ offset, size }: Entry, word: number): boolean {
  return word >= offset && word < offset + size;
}

/** Reads the lock at an offset of the buffer. */
function lockOf(
  region: Region,
  at: number,
  threadOf: (identity: number) => InspectedThread | undefined,
): InspectedMutex {
  const { atomics } = region;
  for (;;) {
    const word = atomics.load32(at);
    const holder = word & OWNER;
    const thread = holder === 0 ? undefined : threadOf(holder);
    // A holder can release the lock, end, and only then be found dead.
    if (thread?.isGone && atomics.load32(at) !== word) continue;
    const died = atomics.load32(at + MUTEX.died);
    return {
      state: holder === 0 ? "free" : thread?.isGone ? "dead" : "held",
      owner: thread?.owner,
      heldFor: leastHoldTime(region, at),
      token: wholeAt(atomics, at + MUTEX.token),
      contents: died === 0 ? "consistent" : died & INCONSISTENT ? "inconsistent" : "recovered",
      diedOwner: died === 0 ? undefined : threadOf(died & OWNER)?.owner,
    };
  }
}

/** Reads what a thing contains, without its lock; `undefined` if the shape does not say how. */
function valueOf(region: Region, { shape, offset, size }: Entry): InspectedValue | undefined {
  const { atomics } = region;
  const start = region.resolve(offset, 4, 4);
  if (shape === "counter") return size >= 8 ? wholeAt(atomics, start) : undefined;
  if (shape === "flag") return (atomics.load32(start) & 1) !== 0;
  if (shape.startsWith("once ")) return size > LINE && atomics.load32(start + ONCE.state) !== 0;
  if (shape.startsWith("barrier ") && size > LINE) {
    return atomics.load32(start + BARRIER.state) & ARRIVED;
  }
  const [, stripes] = /^striped counter (\d+)$/.exec(shape) ?? [];
  if (stripes !== undefined && Number(stripes) * LINE <= size) {
    let sum = 0n;
    for (let i = 0; i < Number(stripes); i++) sum += atomics.loadBigInt64(start + i * LINE);
    return whole(sum);
  }
  const [, raw, type, length] = /^(raw )?(?:value|array) (\w+)(?: (\d+))?$/.exec(shape) ?? [];
  if (!isElement(type)) return undefined;
  const { bytes, load } = elementOf(type);
  const first = raw === undefined ? LINE : 0;
  const count = Math.min(Number(length ?? 1), MOST_ELEMENTS, Math.floor((size - first) / bytes));
  const values = Array.from({ length: Math.max(0, count) }, (_, i) => {
    return load(atomics, start + first + i * bytes);
  });
  return length === undefined ? values[0] : values;
}

function isElement(type: string | undefined): type is ElementType {
  try {
    elementOf(type as ElementType);
    return true;
  } catch {
    return false; // Of a later version, or damaged.
  }
}

/** A 64-bit number, never rounded: a big integer beyond 2^53. */
function wholeAt(atomics: AtomicOperations, at: number): number | bigint {
  return whole(atomics.loadBigInt64(at));
}

function whole(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/**
 * Inspects all segments in a folder, also damaged ones; other files are left out. None if the
 * folder does not exist.
 *
 * @throws {Error} With the `code` of the system, if the folder cannot be read.
 */
export function inspectSegments(folder: string): SegmentView[] {
  const fd = openIfThere(folder, O_RDONLY);
  if (fd === undefined) return [];
  closeFile(fd);
  return namesIn(folder).sort().flatMap((name) => {
    const path = `${folder}/${name}`;
    const size = sizeOf(path);
    return size === undefined ? [] : [viewSegment(name, path, size)];
  });
}

/** Inspects the segment in a file; says so if it cannot be read. */
export function viewSegment(name: string, path: string, size = sizeOf(path) ?? 0): SegmentView {
  try {
    return { name, path, size, ...inspectSegment(path) };
  } catch (error) {
    return { name, path, size, error: (error as Error).message };
  }
}

/**
 * The bytes for things in a memory's file, or that it has after its header if that is damaged;
 * `undefined` if the file is no memory. A file that cannot be read may be one.
 */
export function sizeOf(path: string): number | undefined {
  const fd = tryOpen(path, O_RDONLY | O_NOFOLLOW);
  if (fd === undefined) return statusAt(path)?.isFile ? 0 : undefined;
  try {
    const { isFile, size } = statusOf(fd, path);
    const header = new Uint8Array(HEADER.checked);
    if (!isFile || readAt(fd, path, header, 0) < MAGIC.length) return undefined;
    if (MAGIC.some((byte, i) => header[i] !== byte)) return undefined;
    return Math.max(0, Math.min(lengthIn(header), size) - HEADER.end);
  } finally {
    closeFile(fd);
  }
}
