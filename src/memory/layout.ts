/**
 * The layout of a memory, all numbers little-endian. Layout version 1:
 *
 * | offset | bytes | contents                                                         |
 * | ------ | ----- | ---------------------------------------------------------------- |
 * | 0      | 8     | magic                                                            |
 * | 8      | 4     | layout version                                                   |
 * | 12     | 4     | slots                                                            |
 * | 16     | 8     | length of the whole memory, in bytes                             |
 * | 24     | 4     | checksum of the 24 bytes before                                  |
 * | 32     | 16    | boot id of the machine when it was last opened                   |
 * | 48     | 16    | random id of the file; 0 in anonymous memory                     |
 * | 128    | 4     | directory: bytes in use after the header                         |
 * | 256    | 4     | directory: offset of the newest record after the header, plus 1  |
 * | 384    | 4     | event: counts the releases that asynchronous waiters wake for    |
 * | 512    | 4     | where the next search for a free slot begins                     |
 * | 640    | 4     | always 0: for sleeps that no other thread ends                   |
 * | 768    | 4     | 1 while the directory has all locks: none is placed by an offset |
 * | 896    | 4     | counts how often slots were few; see slot_watch.ts               |
 * | 1024   | 64    | slot 1; the others follow                                        |
 * | 66560  |       | the things in the memory                                         |
 *
 * The slot of a thread that has the memory open:
 *
 * | offset | bytes | contents                                                         |
 * | ------ | ----- | ---------------------------------------------------------------- |
 * | 0      | 4     | claim: 0 if free, else the identity that it is claimed for       |
 * | 4      | 4     | generation: how often it was claimed, 20 bits                    |
 * | 8      | 4     | identity: slot and generation, written last                      |
 * | 12     | 4     | 1 if its thread is known to be dead, else 0                      |
 * | 16     | 4     | process                                                          |
 * | 20     | 4     | thread; 0 if the runtime does not know it                        |
 * | 24     | 8     | start time of the thread, in clock ticks since boot              |
 * | 32     | 4     | inode of its PID namespace; 0 if unknown, as all that follows    |
 * | 36     | 4     | inode of its time namespace; 1 on a kernel without them          |
 * | 40     | 4     | 1 if the thread holds its Web Lock                               |
 * | 44     | 4     | runtime: 1 Deno, 2 Bun, 3 Node                                   |
 * | 48     | 16    | boot id                                                          |
 */
export const HEADER = {
  magic: 0,
  version: 8,
  slots: 12,
  length: 16,
  checksum: 24,
  boot: 32,
  id: 48,
  used: 128,
  newest: 256,
  event: 384,
  search: 512,
  nap: 640,
  directoryOnly: 768,
  crowded: 896,
  firstSlot: 1024,
  end: 66560,
} as const;

/** The offsets in a slot. */
export const SLOT = {
  claim: 0,
  generation: 4,
  identity: 8,
  gone: 12,
  process: 16,
  thread: 20,
  startTime: 24,
  namespace: 32,
  timeNamespace: 36,
  webLock: 40,
  runtime: 44,
  boot: 48,
  bytes: 64,
} as const;

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
export const VERSION = 1;

/** A checksum to detect damage: FNV-1a, 32 bits. */
export function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
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
  const header = new Uint8Array(HEADER.boot);
  const view = new DataView(header.buffer);
  header.set(MAGIC, HEADER.magic);
  view.setUint32(HEADER.version, VERSION, true);
  view.setUint32(HEADER.slots, SLOTS, true);
  view.setBigUint64(HEADER.length, BigInt(length), true);
  view.setUint32(HEADER.checksum, checksum(header.subarray(0, HEADER.checksum)), true);
  return header;
}

/**
 * Describes the flaw of a header; `undefined` for a good one.
 *
 * @param header Its first bytes, up to {@linkcode HEADER.boot}; fewer if there are fewer.
 * @param length The real length of the memory.
 */
export function flawOf(header: Uint8Array, length: number): string | undefined {
  if (length < HEADER.end || header.length < HEADER.boot) {
    return `it has ${length} bytes, fewer than the ${HEADER.end} of a header`;
  }
  if (MAGIC.some((byte, i) => header[i] !== byte)) return "it does not begin with INTRLOCK";
  const view = new DataView(header.buffer, header.byteOffset);
  const version = view.getUint32(HEADER.version, true);
  if (version !== VERSION) {
    return `its layout has version ${version}, and this program supports version ${VERSION}` +
      (version > VERSION ? ": a newer program created it" : "");
  }
  if (
    view.getUint32(HEADER.checksum, true) !== checksum(header.subarray(0, HEADER.checksum)) ||
    view.getUint32(HEADER.slots, true) !== SLOTS
  ) return "its header is damaged: the checksum does not match";
  const said = Number(view.getBigUint64(HEADER.length, true));
  if (said !== length) return `its header says ${said} bytes, and it has ${length}`;
  return length % UNIT === 0 ? undefined : `it has ${length} bytes, not a multiple of ${UNIT}`;
}
