import { UnsupportedError } from "../contract/errors.ts";
import type { AtomicOperations } from "./atomic_operations.ts";
import type { Attachment } from "./attachment.ts";
import { Directory, type DirectoryMemory } from "./directory.ts";
import { BLOCK, HEADER, LOCKS, NAME_PART, REQUEST, REQUEST_STATE } from "./layout.ts";
import {
  chunkBytes,
  chunkShape,
  FIRST_BLOCK,
  LockBlocks,
  type LockRequest,
  TABLE_SHAPE,
} from "./lock_blocks.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import { Mutex } from "./mutex.ts";
import type { Region } from "./region.ts";

/** The most chunks: with one more, a memory would be too long. */
const MOST_CHUNKS = 20;

/** The memory of a table, which may become longer. */
export interface TableMemory extends DirectoryMemory {
  /** The memory by its longest mapping. */
  readonly memory: Memory;
}

/** How a request is made: it waits, is only made if it is granted at once, or steals the lock. */
export type RequestWay = "wait" | "try" | "steal";

/**
 * The requests for locks by names, of all threads that have a memory open. A request is a block
 * that says whose it is, for what, and what has become of it:
 *
 * | state    | meaning                                  | leaves by                                 |
 * | -------- | ---------------------------------------- | ----------------------------------------- |
 * | `0`      | no request                               | its maker: to one of the next two         |
 * | `waits`  | others for the same name are before it   | any thread: to `held`; its thread: to `0` |
 * | `held`   | its thread has the lock                  | its thread: to `0`; a thief: to `stolen`  |
 * | `stolen` | it has lost the lock, and is not told yet| its thread: to `0`                        |
 * | any      | of a thread that is dead                 | another thread: to `0`                    |
 *
 * Bit 2 of a state: the request is shared. Bit 3: its thread sleeps on the state, and is woken when
 * the lock is granted to it. All changes are made under one mutex. The requests for one name are in
 * the list of its resource: first those that hold the lock, then those that wait, in their order.
 * A resource is made for the first request for its name, and its blocks are free after the last.
 *
 * A thread may die in the middle of a change. So the state is written last when a request is made,
 * and first when it ends; the links between blocks, the buckets and the list of free blocks follow
 * from the states, and the next thread that has the mutex makes all of them anew.
 */
export class LockTable {
  readonly #memory: TableMemory;
  readonly #what: string;
  readonly #directory: Directory;
  readonly #attachment: Attachment;
  readonly #region: Region;
  readonly #atomics: AtomicOperations;
  readonly #mutex: Mutex;
  /** The words of the buffer, of which only the thread with the mutex uses those of the table. */
  readonly #words: Int32Array;
  readonly #me: number;
  readonly #blocks = new LockBlocks();
  /** Whether a request was made by this object, whose user is told of what becomes of it. */
  readonly #isMine: (block: number) => boolean;
  /** Tells that a request of this object was granted or stolen. */
  readonly #tell: (block: number) => void;
  /** The requests of this object, and of sleeping threads, that the change concerns. */
  #mine: number[] = [];
  #sleepers: number[] = [];
  /** Whether it concerns tasks of others. */
  #concernsOthers = false;

  /** The offset of the table in the buffer. */
  readonly at: number;

  /**
   * The table of a memory; creates a missing one.
   *
   * @throws {RangeError} If there is no room for it.
   */
  constructor(
    memory: TableMemory,
    what: string,
    isMine: (block: number) => boolean,
    tell: (block: number) => void,
  ) {
    this.#memory = memory;
    this.#what = what;
    this.#isMine = isMine;
    this.#tell = tell;
    this.#directory = new Directory(memory, what);
    const { offset } = this.#directory.obtainUnnamed(TABLE_SHAPE, LOCKS.bytes);
    const attachment = attachmentOf(memory.memory);
    attachment.namedLocks.add(offset);
    this.#mutex = new Mutex(memory.memory, offset);
    this.#attachment = attachment;
    this.#region = attachment.region;
    this.#atomics = attachment.region.atomics;
    this.#me = attachment.identity;
    // SAFETY: of the region's buffer; each use is under the mutex, which refuses a closed region.
    this.#words = new Int32Array(attachment.region.buffer);
    this.at = attachment.region.resolve(offset, LOCKS.bytes, 8);
  }

  /** The offset of the table after the header of its memory. */
  get offset(): number {
    return this.at - this.#region.base - HEADER.end;
  }

  /**
   * Makes a request. Nothing changes if it fails.
   *
   * @returns The number of its block if it is granted, the negative number if it waits; 0 if it
   * would have to.
   * @throws {RangeError} If there is no room for it.
   */
  request(name: string, isShared: boolean, way: RequestWay, sleeps: boolean): number {
    const more = Math.max(0, Math.ceil(name.length / NAME_PART) - 1);
    const hash = hashOf(name);
    for (let tries = 0;; tries++) {
      const made = this.#change(() => {
        if (this.#load(LOCKS.left) < 2 + more) return undefined;
        return this.#make(name, hash, isShared, way, sleeps);
      });
      if (made !== undefined) return made;
      // First, the requests of the dead make room.
      if (tries > 0 || !this.reap(this.#owners())) this.#grow(name, 2 + more);
    }
  }

  /**
   * Ends a request, whatever has become of it, and grants the lock to the next ones.
   *
   * @returns Whether it was stolen.
   */
  end(block: number): boolean {
    const error = this.#enter();
    return this.#leave(() => {
      const isStolen = this.stateOf(block) === REQUEST_STATE.stolen;
      if (error === undefined) this.#end(block);
      else {
        // Not all blocks can be mapped here: another thread makes the links anew.
        this.#blocks.storeState(block, REQUEST_STATE.none);
        this.#blocks.store(block, BLOCK.owner, 0);
        this.#setDirty(1);
      }
      return isStolen;
    });
  }

  /** What has become of a request of this object. */
  stateOf(block: number): number {
    return this.#blocks.loadState(block) & REQUEST_STATE.mask;
  }

  /** Sleeps until a request is granted, and no longer than so many milliseconds. */
  sleep(block: number, milliseconds: number, blocker: number): boolean {
    const { region, at } = this.#blocks.stateWord(block);
    const state = region.atomics.load32(at);
    if ((state & REQUEST_STATE.mask) !== REQUEST_STATE.waits) return true;
    const life = region === this.#region ? this.#attachment.threads.lifeOf(blocker) : undefined;
    return region.wait(at, state, milliseconds, life);
  }

  /**
   * The threads whose deaths would let requests go on. A request only looks at the one before it,
   * whose thread looks at the one before that; the first that waits looks at all that hold the lock.
   */
  blockers(blocks: Iterable<number>): Set<number> {
    const owners = new Set<number>();
    this.#change(() => {
      for (const block of blocks) {
        for (const before of this.#before(block)) {
          owners.add(this.#blocks.load(before, BLOCK.owner));
          if (this.stateOf(before) === REQUEST_STATE.waits) break;
        }
      }
    });
    return owners;
  }

  /** The threads with requests before a request, the first of these first. */
  ownersBefore(block: number): Set<number> {
    return this.#change(() => this.#ownersOf(this.#before(block)));
  }

  /** The threads with requests for a name. */
  ownersOf(name: string): Set<number> {
    return this.#change(() => {
      const resource = this.#find(name, hashOf(name));
      const last = resource === 0 ? 0 : this.#blocks.load(resource, BLOCK.last);
      return last === 0 ? new Set<number>() : this.#ownersOf([last, ...this.#before(last)]);
    });
  }

  #ownersOf(blocks: Iterable<number>): Set<number> {
    return new Set(Array.from(blocks, (block) => this.#blocks.load(block, BLOCK.owner)).reverse());
  }

  /** The requests before a request, the last one first. */
  *#before(block: number): Generator<number, void, void> {
    for (;;) {
      block = this.#blocks.load(block, BLOCK.previous);
      if (block === 0) return;
      yield block;
    }
  }

  /**
   * Ends the requests of those of the threads that have died.
   *
   * @returns Whether there was one.
   */
  reap(owners: Iterable<number>): boolean {
    const { threads } = this.#attachment;
    const dead = new Set(
      [...owners].filter((owner) => owner !== this.#me && threads.isFoundGone(owner)),
    );
    if (dead.size === 0) return false;
    this.#change(() => {
      for (const block of this.#inUse()) {
        if (dead.has(this.#blocks.load(block, BLOCK.owner))) this.#end(block);
      }
    });
    return true;
  }

  /** The requests of all threads that have not died, in the order in which they were made. */
  requests(): LockRequest[] {
    this.reap(this.#owners());
    return this.#change(() => this.#blocks.requests());
  }

  /** All threads with requests. */
  #owners(): Set<number> {
    return this.#change(() => this.#ownersOf(this.#inUse()));
  }

  /** The blocks of all requests. */
  *#inUse(): Generator<number, void, void> {
    for (let block = FIRST_BLOCK; block < this.#blocks.end; block++) {
      if (this.#blocks.loadState(block) !== REQUEST_STATE.none) yield block;
    }
  }

  /** Runs a change under the mutex; afterwards, tells those whom it concerns. */
  #change<T>(body: () => T): T {
    const error = this.#enter();
    if (error === undefined) return this.#leave(body);
    this.#mutex.unlock();
    throw error;
  }

  /** Acquires the mutex and repairs the table. Returns why not all of it can be mapped. */
  #enter(): unknown {
    this.#lock();
    try {
      if (this.#mutex.recovered) this.#setDirty(1);
      if (this.#load(LOCKS.chunks) !== this.#blocks.chunks) this.#follow();
      if (this.#isDirty) this.#rebuild();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #lock(): void {
    for (;;) {
      try {
        return this.#mutex.lock();
      } catch (error) {
        // The main thread of a page must not sleep. Another thread has it for microseconds.
        if (!(error instanceof UnsupportedError)) throw error;
      }
    }
  }

  #leave<T>(body: () => T): T {
    let isDone = false;
    try {
      const result = body();
      isDone = true;
      return result;
    } finally {
      if (!isDone) this.#setDirty(1);
      this.#mutex.unlock();
      this.#tellAll();
    }
  }

  #tellAll(): void {
    if (this.#sleepers.length > 0) {
      for (const block of this.#sleepers.splice(0)) {
        const { region, at } = this.#blocks.stateWord(block);
        region.wake(at, 1);
      }
    }
    if (this.#concernsOthers) {
      this.#concernsOthers = false;
      this.#attachment.asyncWaiters.notify(this.at);
    }
    if (this.#mine.length > 0) { for (const block of this.#mine.splice(0)) this.#tell(block); }
  }

  /** Notes that a change concerns the thread of a request. */
  #note(block: number, state: number): void {
    if ((state & REQUEST.sleeps) !== 0) this.#sleepers.push(block);
    else if (this.#isMine(block)) this.#mine.push(block);
    else this.#concernsOthers = true;
  }

  #make(
    name: string,
    hash: number,
    isShared: boolean,
    way: RequestWay,
    sleeps: boolean,
  ): number {
    const blocks = this.#blocks;
    let resource = this.#find(name, hash);
    const last = resource === 0 ? 0 : blocks.load(resource, BLOCK.last);
    const isFree = way === "steal" || last === 0 || (isShared && isHeldShared(blocks, last));
    if (!isFree && way === "try") return 0;
    if (resource === 0) resource = this.#makeResource(name, hash);
    const block = this.#take();
    blocks.store(block, BLOCK.owner, this.#me);
    blocks.store(block, BLOCK.resource, resource);
    blocks.storeTicket(block, this.#atomics.next64(this.at + LOCKS.ticket));
    if (way === "steal") this.#steal(resource);
    if (way === "steal") this.#prepend(resource, block);
    else this.#append(resource, block);
    const kind = isFree ? REQUEST_STATE.held : REQUEST_STATE.waits;
    const bits = (isShared ? REQUEST.shared : 0) | (sleeps ? REQUEST.sleeps : 0);
    blocks.storeState(block, kind | bits);
    return isFree ? block : -block;
  }

  /** Takes the lock away from all that hold it. */
  #steal(resource: number): void {
    const blocks = this.#blocks;
    for (;;) {
      const block = blocks.load(resource, BLOCK.first);
      if (block === 0) return;
      const state = blocks.loadState(block);
      if ((state & REQUEST_STATE.mask) !== REQUEST_STATE.held) return;
      blocks.storeState(block, (state & ~REQUEST_STATE.mask) | REQUEST_STATE.stolen);
      this.#unlink(resource, block);
      // A thread that blocks holds it while its callback runs: it learns of it at the end.
      if ((state & REQUEST.sleeps) === 0) this.#note(block, state);
    }
  }

  #end(block: number): void {
    const blocks = this.#blocks;
    const state = blocks.loadState(block);
    const resource = blocks.load(block, BLOCK.resource);
    const next = blocks.load(block, BLOCK.next);
    blocks.storeState(block, REQUEST_STATE.none);
    const isLinked = (state & REQUEST_STATE.mask) !== REQUEST_STATE.stolen;
    if (isLinked) this.#unlink(resource, block);
    this.#free(block);
    if (!isLinked) return;
    if (blocks.load(resource, BLOCK.first) === 0) this.#freeResource(resource);
    else this.#grant(next);
  }

  /** Grants the lock to a request, and those after it, as far as they wait for no other. */
  #grant(block: number): void {
    const blocks = this.#blocks;
    while (block !== 0) {
      const state = blocks.loadState(block);
      if ((state & REQUEST_STATE.mask) !== REQUEST_STATE.waits) return;
      const before = blocks.load(block, BLOCK.previous);
      const isShared = (state & REQUEST.shared) !== 0;
      if (before !== 0 && !(isShared && isHeldShared(blocks, before))) return;
      blocks.storeState(block, (state & ~REQUEST_STATE.mask) | REQUEST_STATE.held);
      this.#note(block, state);
      block = blocks.load(block, BLOCK.next);
    }
  }

  #append(resource: number, block: number): void {
    const blocks = this.#blocks;
    const last = blocks.load(resource, BLOCK.last);
    blocks.store(block, BLOCK.next, 0);
    blocks.store(block, BLOCK.previous, last);
    if (last === 0) blocks.store(resource, BLOCK.first, block);
    else blocks.store(last, BLOCK.next, block);
    blocks.store(resource, BLOCK.last, block);
  }

  #prepend(resource: number, block: number): void {
    const blocks = this.#blocks;
    const first = blocks.load(resource, BLOCK.first);
    blocks.store(block, BLOCK.next, first);
    blocks.store(block, BLOCK.previous, 0);
    if (first === 0) blocks.store(resource, BLOCK.last, block);
    else blocks.store(first, BLOCK.previous, block);
    blocks.store(resource, BLOCK.first, block);
  }

  #unlink(resource: number, block: number): void {
    const blocks = this.#blocks;
    const next = blocks.load(block, BLOCK.next);
    const previous = blocks.load(block, BLOCK.previous);
    if (previous === 0) blocks.store(resource, BLOCK.first, next);
    else blocks.store(previous, BLOCK.next, next);
    if (next === 0) blocks.store(resource, BLOCK.last, previous);
    else blocks.store(next, BLOCK.previous, previous);
  }

  /** The resource of a name; 0 if there is none. */
  #find(name: string, hash: number): number {
    let resource = this.#blocks.chunks === 0 ? 0 : this.#blocks.loadBucket(hash);
    while (resource !== 0 && !this.#blocks.hasName(resource, name)) {
      resource = this.#blocks.load(resource, BLOCK.next);
    }
    return resource;
  }

  #makeResource(name: string, hash: number): number {
    const blocks = this.#blocks;
    const resource = this.#take();
    let block = resource;
    for (let i = NAME_PART; i < name.length; i += NAME_PART) {
      const more = this.#take();
      blocks.store(block, BLOCK.more, more);
      block = more;
    }
    blocks.store(block, BLOCK.more, 0);
    blocks.store(resource, BLOCK.first, 0);
    blocks.store(resource, BLOCK.last, 0);
    blocks.store(resource, BLOCK.hash, hash);
    blocks.store(resource, BLOCK.length, name.length);
    blocks.writeName(resource, name);
    this.#linkResource(resource);
    return resource;
  }

  /** Adds a resource to its bucket. */
  #linkResource(resource: number): void {
    const hash = this.#blocks.load(resource, BLOCK.hash);
    this.#blocks.store(resource, BLOCK.next, this.#blocks.loadBucket(hash));
    this.#blocks.storeBucket(hash, resource);
  }

  #freeResource(resource: number): void {
    const blocks = this.#blocks;
    const hash = blocks.load(resource, BLOCK.hash);
    const next = blocks.load(resource, BLOCK.next);
    let before = blocks.loadBucket(hash);
    if (before === resource) blocks.storeBucket(hash, next);
    else {
      while (blocks.load(before, BLOCK.next) !== resource) before = blocks.load(before, BLOCK.next);
      blocks.store(before, BLOCK.next, next);
    }
    for (let block = resource; block !== 0;) {
      const more = blocks.load(block, BLOCK.more);
      this.#free(block);
      block = more;
    }
  }

  /** Takes a free block, of which there are enough. */
  #take(): number {
    const block = this.#load(LOCKS.free);
    this.#store(LOCKS.free, this.#blocks.load(block, BLOCK.next));
    this.#store(LOCKS.left, this.#load(LOCKS.left) - 1);
    return block;
  }

  #free(block: number): void {
    this.#blocks.store(block, BLOCK.owner, 0); // A slot that a word names is not used again.
    this.#blocks.store(block, BLOCK.next, this.#load(LOCKS.free));
    this.#store(LOCKS.free, block);
    this.#store(LOCKS.left, this.#load(LOCKS.left) + 1);
  }

  /** Makes all links anew, from the states of the requests. */
  #rebuild(): void {
    const blocks = this.#blocks;
    const inUse = new Set<number>();
    const linked: { block: number; isHeld: boolean; ticket: number }[] = [];
    for (const block of this.#inUse()) {
      inUse.add(block);
      const kind = this.stateOf(block);
      if (kind === REQUEST_STATE.stolen) continue;
      const ticket = blocks.ticketOf(block);
      linked.push({ block, isHeld: kind === REQUEST_STATE.held, ticket });
    }
    for (let i = 0; i < blocks.end / 2 && blocks.chunks > 0; i++) blocks.storeBucket(i, 0);
    const waiting: number[] = [];
    linked.sort((one, other) =>
      Number(other.isHeld) - Number(one.isHeld) || one.ticket - other.ticket
    );
    for (const { block, isHeld } of linked) {
      const resource = blocks.load(block, BLOCK.resource);
      if (!inUse.has(resource)) {
        for (let part = resource; part !== 0; part = blocks.load(part, BLOCK.more)) inUse.add(part);
        blocks.store(resource, BLOCK.first, 0);
        blocks.store(resource, BLOCK.last, 0);
        this.#linkResource(resource);
      }
      this.#append(resource, block);
      if (!isHeld) waiting.push(block);
    }
    this.#store(LOCKS.free, 0);
    this.#store(LOCKS.left, 0);
    for (let block = blocks.end - 1; block >= FIRST_BLOCK; block--) {
      if (!inUse.has(block)) this.#free(block);
    }
    // The thread that died may have been about to do so, and to tell those that it granted it to.
    for (const block of waiting) this.#grant(block);
    this.#concernsOthers = true;
    this.#setDirty(0);
  }

  /** Maps the chunks that other threads have added. */
  #follow(): void {
    const chunks = Math.min(this.#load(LOCKS.chunks), MOST_CHUNKS);
    while (this.#blocks.chunks < chunks) {
      const chunk = this.#blocks.chunks;
      const offset = this.#load(LOCKS.offsets + 4 * chunk);
      if (offset + chunkBytes(chunk) > this.#memory.region.size) this.#memory.follow?.();
      this.#blocks.add(this.#memory.region, offset);
    }
  }

  /** Adds a chunk, unless so many blocks are free. Nothing has changed if there is no room for it. */
  #grow(name: string, blocks: number): void {
    this.#change(() => {
      if (this.#load(LOCKS.left) >= blocks) return; // Another thread has made room meanwhile.
      const chunk = this.#load(LOCKS.chunks);
      const { offset } = this.#obtainChunk(chunk, name);
      this.#store(LOCKS.offsets + 4 * chunk, offset);
      this.#setDirty(1);
      this.#store(LOCKS.chunks, chunk + 1);
      this.#follow();
      this.#rebuild();
    });
  }

  #obtainChunk(chunk: number, name: string): { offset: number } {
    try {
      if (chunk < MOST_CHUNKS) {
        return this.#directory.obtainUnnamed(chunkShape(chunk), chunkBytes(chunk));
      }
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
    }
    const { size } = this.#memory.region;
    const shown = name.length > 64 ? `${name.slice(0, 64)}...` : name;
    throw new RangeError(
      `Cannot request the lock ${JSON.stringify(shown)} in ${this.#what}: its ${size} bytes have ` +
        `no room for more than ${this.#blocks.end - FIRST_BLOCK} names and requests. Give it a ` +
        "greater size or maxSize",
    );
  }

  /** Whether the links must be made anew. */
  get #isDirty(): boolean {
    return this.#atomics.load32(this.at + LOCKS.dirty) !== 0;
  }

  /** Atomic, so that it is in the memory before and after what happens meanwhile. */
  #setDirty(dirty: number): void {
    this.#atomics.store32(this.at + LOCKS.dirty, dirty);
  }

  #load(field: number): number {
    return this.#words[(this.at + field) >> 2];
  }

  #store(field: number, value: number): void {
    this.#words[(this.at + field) >> 2] = value;
  }
}

function isHeldShared(blocks: LockBlocks, block: number): boolean {
  const state = blocks.loadState(block);
  return (state & ~REQUEST.sleeps) === (REQUEST_STATE.held | REQUEST.shared);
}

/** The hash of a name: FNV-1a over its units, and their high bits into the low ones. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash ^ hash >>> 16;
}
