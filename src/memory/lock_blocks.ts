import { BLOCK, NAME_PART, REQUEST, REQUEST_STATE } from "./layout.ts";
import type { Region } from "./region.ts";

/** The number of the first block, and how many blocks the first chunk has. */
export const FIRST_BLOCK = 64;

/** The kinds of a table and of the chunk with an index, in the directory. */
export const TABLE_SHAPE = "locks";
export const chunkShape = (chunk: number): string => `requests ${chunk}`;

/** The bytes of the chunk with an index: its blocks, and half as many buckets as all chunks have. */
export const chunkBytes = (chunk: number): number => (FIRST_BLOCK << chunk) * (BLOCK.bytes + 4);

/** A request for a lock, as a table has it. */
export interface LockRequest {
  readonly name: string;
  readonly isShared: boolean;
  readonly isHeld: boolean;
  /** The identity of its thread. */
  readonly owner: number;
  readonly ticket: number;
}

interface Chunk {
  readonly region: Region;
  readonly words: Int32Array;
  /** The index in the words at which block 0 would be. */
  readonly origin: number;
}

/** The words of a block. */
const WORDS = BLOCK.bytes / 4;

/**
 * The blocks of a table of requests. Only the thread that has the mutex of the table may use them,
 * so their words are read and written without atomic operations, except for the states. They have
 * numbers: each chunk has as many blocks as all before it and {@linkcode FIRST_BLOCK} more, so the
 * number tells the chunk. The last chunk has the buckets, in which the resources are found by their
 * names.
 */
export class LockBlocks {
  readonly #chunks: Chunk[] = [];

  /** How many chunks are known. */
  get chunks(): number {
    return this.#chunks.length;
  }

  /** The number after the last block. */
  get end(): number {
    return FIRST_BLOCK << this.#chunks.length;
  }

  /**
   * Adds the next chunk, at an offset of a memory.
   *
   * @throws {RangeError} If it is not inside of the memory.
   */
  add(region: Region, offset: number): void {
    const chunk = this.#chunks.length;
    const at = region.resolve(offset, chunkBytes(chunk), 4);
    // SAFETY: of the region's buffer; each use is under the mutex, which refuses a closed region.
    const words = new Int32Array(region.buffer);
    this.#chunks.push({ region, words, origin: at / 4 - (FIRST_BLOCK << chunk) * WORDS });
  }

  #chunkOf(block: number): Chunk {
    return this.#chunks[25 - Math.clz32(block)];
  }

  /** Loads a word of a block. */
  load(block: number, field: number): number {
    const { words, origin } = this.#chunkOf(block);
    return words[origin + block * WORDS + (field >> 2)];
  }

  /** Stores a word of a block. */
  store(block: number, field: number, value: number): void {
    const { words, origin } = this.#chunkOf(block);
    words[origin + block * WORDS + (field >> 2)] = value;
  }

  /** Loads the state of a request, also without the mutex. */
  loadState(block: number): number {
    const { region, at } = this.stateWord(block);
    return region.atomics.load32(at);
  }

  /**
   * Stores the state of a request. Atomic, so that all that was written before is in the memory
   * before it.
   */
  storeState(block: number, state: number): void {
    const { region, at } = this.stateWord(block);
    region.atomics.store32(at, state);
  }

  /** The ticket of a request. */
  ticketOf(block: number): number {
    return (this.load(block, BLOCK.ticket) >>> 0) + this.load(block, BLOCK.ticket + 4) * 2 ** 32;
  }

  /** Stores the ticket of a request. */
  storeTicket(block: number, ticket: number): void {
    this.store(block, BLOCK.ticket, ticket | 0);
    this.store(block, BLOCK.ticket + 4, Math.floor(ticket / 2 ** 32));
  }

  /** The memory and the offset in its buffer of the state of a request, to sleep on. */
  stateWord(block: number): { region: Region; at: number } {
    const { region, origin } = this.#chunkOf(block);
    return { region, at: (origin + block * WORDS) * 4 + BLOCK.state };
  }

  /** Loads the first resource in the bucket of a hash. */
  loadBucket(hash: number): number {
    const { words, origin } = this.#chunks[this.#chunks.length - 1];
    return words[origin + this.#bucketAt(hash)];
  }

  /** Stores the first resource in the bucket of a hash. */
  storeBucket(hash: number, resource: number): void {
    const { words, origin } = this.#chunks[this.#chunks.length - 1];
    words[origin + this.#bucketAt(hash)] = resource;
  }

  #bucketAt(hash: number): number {
    return this.end * WORDS + (hash & (this.end / 2 - 1));
  }

  /** Writes the name of a resource into its blocks, which are linked already. */
  writeName(resource: number, name: string): void {
    let block = resource;
    for (let i = 0; i < name.length; i += 2) {
      if (i > 0 && i % NAME_PART === 0) block = this.load(block, BLOCK.more);
      this.store(block, BLOCK.text + i % NAME_PART * 2, unitsAt(name, i));
    }
  }

  /** Whether a resource has a name. */
  hasName(resource: number, name: string): boolean {
    if (this.load(resource, BLOCK.length) !== name.length) return false;
    let block = resource;
    for (let i = 0; i < name.length; i += 2) {
      if (i > 0 && i % NAME_PART === 0) block = this.load(block, BLOCK.more);
      if (this.load(block, BLOCK.text + i % NAME_PART * 2) !== unitsAt(name, i)) return false;
    }
    return true;
  }

  /** Reads the name of a resource; `undefined` if it is damaged, or changes meanwhile. */
  nameOf(resource: number): string | undefined {
    const isBlock = (block: number) => block >= FIRST_BLOCK && block < this.end;
    if (!isBlock(resource)) return undefined;
    const length = this.load(resource, BLOCK.length);
    if (length < 0 || length > (this.end - FIRST_BLOCK) * NAME_PART) return undefined;
    const parts: string[] = [];
    let block = resource;
    for (let i = 0; i < length; i += NAME_PART) {
      if (i > 0) block = this.load(block, BLOCK.more);
      if (!isBlock(block)) return undefined;
      const units: number[] = [];
      for (let at = 0; at < Math.min(NAME_PART, length - i); at += 2) {
        const pair = this.load(block, BLOCK.text + at * 2);
        units.push(pair & 0xffff, pair >>> 16);
      }
      parts.push(String.fromCharCode(...units));
    }
    return parts.join("").slice(0, length);
  }

  /** The requests that hold or wait, as far as they can be read, in the order in which they were made. */
  requests(): LockRequest[] {
    const requests: LockRequest[] = [];
    for (let block = FIRST_BLOCK; block < this.end; block++) {
      const state = this.loadState(block);
      const kind = state & REQUEST_STATE.mask;
      if (kind !== REQUEST_STATE.waits && kind !== REQUEST_STATE.held) continue;
      const ticket = this.ticketOf(block);
      const name = this.nameOf(this.load(block, BLOCK.resource));
      const owner = this.load(block, BLOCK.owner);
      // Without the mutex, the request may have ended meanwhile, and another one begun.
      if (this.loadState(block) !== state || this.ticketOf(block) !== ticket) continue;
      if (name === undefined) continue;
      const isShared = (state & REQUEST.shared) !== 0;
      requests.push({ name, isShared, isHeld: kind === REQUEST_STATE.held, owner, ticket });
    }
    return requests.sort((one, other) => one.ticket - other.ticket);
  }
}

/** Two units of a name, as they are in one word; beyond the end, they are 0. */
function unitsAt(name: string, i: number): number {
  return name.charCodeAt(i) | name.charCodeAt(i + 1) << 16;
}
