/**
 * The layout of a memory, version 2: all numbers little-endian, all that is not named is 0. See
 * docs/format.md for what each word means and who may change it.
 *
 * The offsets in the header:
 */
export const HEADER = {
  /** 8 bytes: {@linkcode MAGIC}. */
  magic: 0,
  version: 8,
  slots: 12,
  /** 8 bytes: the length of the whole memory when it was made. */
  length: 16,
  /** Of the bytes before. */
  checksum: 24,
  /** 16 bytes: the boot id when it was last opened; in anonymous memory, a random id. */
  boot: 32,
  /** 16 bytes: the random id of the file; 0 in anonymous memory. */
  id: 48,
  /** The length now, in units. Only grows, under the creation lock. */
  units: 64,
  /** The most units that it may grow to by itself; 0 if it may not. */
  mostUnits: 68,
  /** 1 after the file was removed or replaced. */
  removed: 72,
  /** The end of what is checked before anything else is used. */
  checked: 128,
  /** Directory: the bytes in use after the header. */
  used: 128,
  /** Directory: the offset of the newest record after the header, plus 1. */
  newest: 256,
  /** Counts the releases that waiting tasks wake for. */
  event: 384,
  /** Where the next search for a free slot begins. */
  search: 512,
  /** Always 0: for sleeps that no other thread ends. */
  nap: 640,
  /** 1 while the directory has all locks: none is placed by an offset. */
  directoryOnly: 768,
  /** Counts how often slots were few; see slot_watch.ts. */
  crowded: 896,
  /** Slot 1; the others follow. */
  firstSlot: 4096,
  /** The end of the header, where the things begin. */
  end: 266240,
} as const;

/** The offsets in a slot, which belongs to one thread that has the memory open. */
export const SLOT = {
  /** 0 if free, else the identity that it is claimed for. */
  claim: 0,
  /** How often it was claimed, 20 bits. */
  generation: 4,
  /** Slot and generation, written last. */
  identity: 8,
  /** 1 if its thread is known to be dead. */
  gone: 12,
  process: 16,
  /** 0 if the runtime does not know it. */
  thread: 20,
  /** 8 bytes: in clock ticks since boot. */
  startTime: 24,
  /** The inode of its PID namespace; 0 if unknown, as all that follows. */
  namespace: 32,
  /** The inode of its time namespace; 1 on a kernel without them. */
  timeNamespace: 36,
  /** 1 if the thread holds its Web Lock. */
  webLock: 40,
  /** 1 Deno, 2 Bun, 3 Node, 4 a browser, 5 a program in C. */
  runtime: 44,
  /** 16 bytes: the boot id. */
  boot: 48,
  /** 40 bytes: an entry of the thread's robust list, its word first; see life_word.ts. */
  life: 64,
  /** The identity whose life byte the thread has taken; 0 if it took none. */
  byte: 104,
  /** How many words tasks of the thread wait for, recorded or not. */
  awaits: 108,
  /** What the thread waits for while it is blocked; see {@linkcode WAIT}. */
  wait: 112,
  /** {@linkcode READS} words, one for each lock that the thread reads under; see readers.ts. */
  readers: 128,
  /** {@linkcode AWAITED_WAITS} of what its tasks wait for; see {@linkcode WAIT}. */
  awaited: 192,
  bytes: 256,
} as const;

/** The offsets in the record of a wait. */
export const WAIT = {
  /** The offset after the header of the word that is waited for, plus 1; 0 if none is. */
  word: 0,
  /**
   * Bits 0 to 7: 1 to acquire a lock, 2 for another thread, as at a flag, a latch or a condition.
   * Bit 8: the wait may end by itself. Bits 9 to 31: the offset of a lock that is not released before
   * the wait ends, divided by 128, plus 1; 0 for none.
   */
  kind: 4,
  /** 8 bytes: when the wait began, in microseconds. */
  since: 8,
  bytes: 16,
} as const;

/** How many words that its tasks wait for a slot has room for. */
export const AWAITED_WAITS = 4;

/** The offsets in a mutex. */
export const MUTEX = {
  /** Its owner, and two bits about waiters. */
  word: 0,
  /** An owner that died, until that is acknowledged; bit 31 if the contents are inconsistent. */
  died: 4,
  /** 8 bytes: the last fencing token. */
  token: 8,
  /** When a waiter looks after the owner next; see look_duty.ts. */
  look: 16,
  /** The waiter that the next release hands the lock to; see hand_off.ts. */
  heir: 20,
  /** 8 bytes: while the word has a bit about waiters, a time at which the hold had begun. */
  since: 24,
  /** What a mutex takes at least. */
  bytes: 32,
} as const;

/** The offsets in a semaphore. */
export const SEMAPHORE = {
  /** Where waiters wait; see wait_word.ts, also for the word at 16. */
  word: 0,
  /** Who takes several permits at this moment; 0 if no thread does. */
  turn: 4,
  /** 8 bytes: the last fencing token. */
  token: 8,
  /** 4 bytes for each permit: its holder; 0 if it is free. */
  permits: 128,
} as const;

/** The offsets in a latch. */
export const LATCH = {
  /** Where waiters wait; see wait_word.ts, also for the word at 16. */
  word: 0,
  /** How often it was counted down. */
  arrived: 4,
  bytes: 32,
} as const;

/** The offsets in a channel. */
export const CHANNEL = {
  /** The end of the senders; see {@linkcode CHANNEL_END}. */
  senders: 0,
  /** The end of the receivers. */
  receivers: 128,
  /** Where senders wait for room, and for their turn; see wait_word.ts. */
  sendersWait: 256,
  /** Where receivers wait for messages, and for their turn. */
  receiversWait: 320,
  /** The places of the messages. */
  places: 384,
  /** The bytes of a place before the message: its length and its kind. */
  head: 8,
} as const;

/** The offsets in an end of a channel. */
export const CHANNEL_END = {
  /** The thread that sends, or receives, at this moment; 0 if none does. The next word is 0. */
  turn: 0,
  /** The place of the next message, from 0 to twice the capacity; bit 30 once it is closed. */
  position: 8,
  /** The position after the message that is sent, or that was received; see channel_end.ts. */
  mark: 12,
  /** The position of the other end, as this end last saw it. */
  seen: 16,
  /** How many messages were lost by the death of a thread with the turn. */
  lost: 20,
  bytes: 24,
} as const;

/** The offsets in a condition. */
export const CONDITION = {
  /** Not used; the word at 16 is the duty to look after waiters that died. */
  word: 0,
  /** The offset of its mutex after the header, plus 1; 0 before its first use. */
  mutex: 4,
  /** The number of the last wait; only a holder of the mutex changes it. */
  last: 8,
  /** How many of the cells, from the first on, may be in use; changed as `last`. */
  used: 12,
  /** {@linkcode MOST_WAITERS} cells, one for each waiter, which name threads. */
  cells: 128,
  /** For each cell, the number of its wait. */
  numbers: 4224,
} as const;

/** How many threads and tasks can wait for a condition at a time. */
export const MOST_WAITERS = 1024;

/** The offsets in a barrier. */
export const BARRIER = {
  /** A mutex: the turn of those that join, leave or reset. */
  turn: 0,
  /** Where waiters wait; see wait_word.ts, also for the word at 16 after it. */
  word: 64,
  /** How many have arrived, whether it is broken, and how many resets and passes there were. */
  state: 68,
  /** The passes before the generation that broke last, of those that a reset has ended. */
  broken: 72,
  /** 4 bytes for each party: its thread; 0 if it has not joined. */
  parties: 128,
} as const;

/** The bits of the state of a barrier that say how many have arrived. */
export const ARRIVED = 0x3ff;

/** The offsets in a value that is made once. */
export const ONCE = {
  /** A mutex: held by the thread that makes the value. */
  mutex: 0,
  /** 0 until it was made; then its kind in the lowest two bits, and its length above them. */
  state: 64,
  value: 128,
} as const;

/** The offsets in a read-write lock. */
export const RW_LOCK = {
  /** A mutex: the turn of those that write, or may become writers. */
  turn: 0,
  /** The writer that keeps readers out; bit 30 if it died and readers may enter. */
  gate: 32,
  /** 1 if readers waited when a fair writer opened the gate. */
  yields: 36,
  /** Where readers wait for the gate; see wait_word.ts. */
  readers: 64,
  /** Where a writer waits for the readers to leave. */
  drain: 96,
  /** A bit for each slot: whether its thread may have read under the lock. */
  slots: 128,
  bytes: 256,
} as const;

/** The offsets in the table of the requests of `segment.locks`; see lock_table.ts. */
export const LOCKS = {
  /** A mutex, which protects all of the table. */
  mutex: 0,
  /** 8 bytes: the ticket of the last request. */
  ticket: 32,
  /** The first free block; 0 if there is none. */
  free: 40,
  /** How many blocks are free. */
  left: 44,
  /** 1 if the links between the blocks must be made anew. */
  dirty: 48,
  /** How many chunks of blocks there are. */
  chunks: 52,
  /** For each chunk: its offset after the header. */
  offsets: 64,
  bytes: 256,
} as const;

/** The offsets in a block of a table of requests: a request, or a resource and the rest of its name. */
export const BLOCK = {
  /** What has become of a request; 0 if the block is none. */
  state: 0,
  /** Of a request: the thread that made it. */
  owner: 4,
  /** Of a request: the next one for the same resource. Of others: the next one in their list. */
  next: 8,
  /** Of a request: the one before. */
  previous: 12,
  /** Of a request: its resource. */
  resource: 16,
  /** Of a request, 8 bytes: the order in which they were made. */
  ticket: 24,
  /** Of a resource: its first and its last request. */
  first: 4,
  last: 12,
  /** Of a resource: the hash of its name, and how many units of UTF-16 the name has. */
  hash: 16,
  length: 20,
  /** Of a part of a name: the block with the part after it. */
  more: 28,
  /** Of a part of a name: {@linkcode NAME_PART} units. */
  text: 32,
  bytes: 64,
} as const;

/** How many units of a name are in one block. */
export const NAME_PART = 16;

/** The states of a request in a table, without its {@linkcode REQUEST} bits. */
export const REQUEST_STATE = { none: 0, waits: 1, held: 2, stolen: 3, mask: 3 } as const;
/** Bits of the state of a request: that it is shared, and that its thread sleeps on the state. */
export const REQUEST = { shared: 4, sleeps: 8 } as const;

/** How many locks a thread can read under at a time. */
export const READS = 16;

/** The offset in the file of the life byte of identity 0; the others follow. */
export const LIFE_BYTES: number = 2 ** 40;

/** The bytes of the random id of a file. */
export const ID_BYTES = 16;

/** The length of a memory is a multiple of this, its header included. */
export const UNIT = 65536;
/** The greatest length of a memory with its header: 1 GiB, which every runtime can map. */
export const LONGEST = 2 ** 30;

/** The most threads that can have a memory open at a time. */
export const SLOTS = 1023;

/** The first bytes of each memory. */
export const MAGIC: Uint8Array = new TextEncoder().encode("INTRLOCK");
/** The version of the layout. */
export const VERSION = 2;

/** A checksum to detect damage: FNV-1a, 32 bits. */
export function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash >>> 0;
}

/** Whether a boot id could be read when it was recorded. */
export function isKnownBoot(id: Uint8Array): boolean {
  return id.some((byte) => byte !== 0);
}

/** Whether two boot ids are the same. */
export function isSameBoot(one: Uint8Array, other: Uint8Array): boolean {
  return one.every((byte, i) => byte === other[i]);
}

/** The header of a new memory of `length` bytes. */
export function newHeader(length: number): Uint8Array {
  const header = new Uint8Array(HEADER.checked);
  const view = new DataView(header.buffer);
  header.set(MAGIC, HEADER.magic);
  view.setUint32(HEADER.version, VERSION, true);
  view.setUint32(HEADER.slots, SLOTS, true);
  view.setBigUint64(HEADER.length, BigInt(length), true);
  view.setUint32(HEADER.checksum, checksum(header.subarray(0, HEADER.checksum)), true);
  view.setUint32(HEADER.units, length / UNIT, true);
  return header;
}

/**
 * Describes the flaw of a header; `undefined` for a good one.
 *
 * @param header Its first bytes, up to {@linkcode HEADER.checked}; fewer if there are fewer.
 * @param length The real length of the memory.
 */
export function flawOf(header: Uint8Array, length: number): string | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  // The version first: another one may have a header of another length.
  if (header.length >= HEADER.slots) {
    if (MAGIC.some((byte, i) => header[i] !== byte)) return "it does not begin with INTRLOCK";
    const version = view.getUint32(HEADER.version, true);
    if (version !== VERSION) {
      return `its layout has version ${version}, and this program supports version ${VERSION}: ` +
        (version > VERSION
          ? "a newer program created it"
          : "an older program created it. End the programs that use it, then remove it");
    }
  }
  if (length < HEADER.end || header.length < HEADER.checked) {
    return `it has ${length} bytes, fewer than the ${HEADER.end} of a header`;
  }
  if (
    view.getUint32(HEADER.checksum, true) !== checksum(header.subarray(0, HEADER.checksum)) ||
    view.getUint32(HEADER.slots, true) !== SLOTS
  ) return "its header is damaged: the checksum does not match";
  const made = Number(view.getBigUint64(HEADER.length, true));
  if (made % UNIT !== 0) return `its header says ${made} bytes, not a multiple of ${UNIT}`;
  const most = view.getUint32(HEADER.mostUnits, true);
  if (most > LONGEST / UNIT) return `its header says that it may grow to ${most} units`;
  const removed = view.getUint32(HEADER.removed, true);
  if (removed > 1) return `its header marks it as removed by ${removed}, which is not 0 or 1`;
  const said = lengthIn(header);
  // A file may be longer: a thread that made it longer can die before it says so.
  if (made >= HEADER.end && made <= said && said <= length) return undefined;
  return `its header says ${Math.max(made, said)} bytes, and it has ${length}`;
}

/** The length of a memory by its header, which has no flaw. */
export function lengthIn(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset).getUint32(HEADER.units, true) * UNIT;
}
