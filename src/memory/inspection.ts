import type { Owner } from "../contract/owner.ts";
import { O_NOFOLLOW, O_RDONLY } from "../runtime/c/constants.ts";
import { statusAt, statusOf } from "../runtime/files/file_status.ts";
import { namesIn } from "../runtime/files/folders.ts";
import { closeFile, openIfThere, readAt, tryOpen } from "../runtime/files/open_file.ts";
import { Directory, type Entry } from "./directory.ts";
import { type InspectedContents, type Inspection, readerOf } from "./inspected_kinds.ts";
import { HEADER, lengthIn, MAGIC } from "./layout.ts";
import { chunkShape, LockBlocks, type LockRequest } from "./lock_blocks.ts";
import type { LockMode } from "./lock_request.ts";
import { MemoryCopy } from "./memory_copy.ts";
import type { Region } from "./region.ts";
import type { MemorySlots, MemoryThread, RecordedWait } from "./wait_records.ts";

/** A named thing in a segment. */
export interface InspectedCell extends InspectedContents {
  readonly name: string;
  readonly kind: string;
  /** The threads that wait for it, and the threads whose tasks do. */
  readonly waiters: readonly { readonly owner: Owner; readonly since: Date }[];
}

/** A lock of `segment.locks` that is held, or a request for one. */
export interface InspectedRequest {
  readonly name: string;
  readonly mode: LockMode;
  /** `dead` if its thread is dead for certain: another request for the name ends it. */
  readonly state: "held" | "waits" | "dead";
  /** The thread; `undefined` if the memory does not know it. */
  readonly owner: Owner | undefined;
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
  /** The locks of `segment.locks` that are held, and the requests that wait, in their order. */
  readonly requests: readonly InspectedRequest[];
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
  using memory = new MemoryCopy(path);
  const { region, threads: registry } = memory;
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
  const readers = new Map<number, Set<number>>();
  for (const identity of registry.list()) {
    const thread = threadOf(identity);
    if (thread === undefined || thread.isGone) continue;
    const { owner } = thread;
    for (const { offset, since } of thread.waits) waiters.push({ offset, owner, since });
    for (const at of registry.readsOf(identity)) {
      readers.set(at, (readers.get(at) ?? new Set()).add(identity));
    }
  }
  const inspection: Inspection = {
    region,
    threadOf,
    readersOf: (at) => [...readers.get(at) ?? []],
  };
  const kinds = new Map<string, ReturnType<typeof readerOf>>();
  const cellOf = (entry: Entry): InspectedCell => {
    const { name, shape: kind, offset, size } = entry;
    let read = kinds.get(kind);
    if (read === undefined) kinds.set(kind, read = readerOf(kind));
    const contents = read(inspection, region.resolve(offset, 4, 8), size);
    const its = waiters.filter((wait) => isIn(entry, wait.offset));
    return {
      name,
      kind,
      ...contents,
      waiters: its.map(({ owner, since }) => ({ owner, since })),
    };
  };
  const cells: InspectedCell[] = [];
  const entries: Entry[] = [];
  let damage: string | undefined;
  try {
    for (const entry of new Directory({ region }, `"${path}"`).entries()) {
      entries.push(entry);
      if (entry.name !== "") cells.push(cellOf(entry)); // The others are of the requests, below.
    }
  } catch (error) {
    damage = (error as Error).message; // What was read before it is shown.
  }
  const found = requestsIn(region, entries);
  const requests = found.map(({ name, isShared, isHeld, owner }): InspectedRequest => {
    const thread = threadOf(owner);
    return {
      name,
      mode: isShared ? "shared" : "exclusive",
      state: thread?.isGone ? "dead" : isHeld ? "held" : "waits",
      owner: thread?.owner,
    };
  });
  const named = [...threads].map(([identity, thread]) => ({
    ...thread,
    waits: thread.waits.map((wait) => {
      const name = entries.find((entry) => isIn(entry, wait.offset))?.name;
      const first = found.find(({ owner, isHeld }) => owner === identity && !isHeld);
      return { ...wait, name: name === "" ? first?.name : name };
    }),
  }));
  return { cells, requests, slots: memory.slots, threads: named, damage };
}

/** Reads the requests of `segment.locks`. */
function requestsIn(region: Region, entries: readonly Entry[]): LockRequest[] {
  const blocks = new LockBlocks();
  for (;;) {
    const shape = chunkShape(blocks.chunks);
    const chunk = entries.find((entry) => entry.name === "" && entry.shape === shape);
    if (chunk === undefined) break;
    blocks.add(region, chunk.offset);
  }
  return blocks.requests();
}

/** Whether a word is in a named thing: a read-write lock has several to wait at. */
function isIn({ offset, size }: Entry, word: number): boolean {
  return word >= offset && word < offset + size;
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
