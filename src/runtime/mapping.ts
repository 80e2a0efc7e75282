import { adapter } from "./adapter.ts";
import { errno, systemError } from "./errno.ts";
import { libc } from "./libc.ts";

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FIXED = 0x10;
const MAP_NORESERVE = 0x4000;

/** What a mapping is laid out in steps of: the WebAssembly page, a multiple of all page sizes. */
export const PAGE = 65536;

/** The arena of a V8 thread: 1 GiB of address space, of which only what is touched is memory. */
const ARENA_PAGES = 16384;

/** Shared memory as a runtime shows it. */
export interface Mapping {
  /** The buffer that contains it. */
  readonly buffer: ArrayBufferLike;
  /** Where in the buffer it begins. */
  readonly base: number;
  /** The address of its first byte. */
  readonly address: number;
  /** On V8, the memory that the buffer belongs to. */
  readonly memory: WebAssembly.Memory | undefined;
}

interface Arena {
  readonly memory: WebAssembly.Memory;
  readonly address: number;
  used: number;
  /** Ranges given back, by their length. */
  readonly free: Map<number, number[]>;
}

let arenaOfThread: Arena | undefined;

/** All mappings of a V8 thread lie in one memory: one WebAssembly instance serves them all. */
function arena(): Arena {
  if (arenaOfThread !== undefined) return arenaOfThread;
  const memory = new WebAssembly.Memory({
    initial: ARENA_PAGES,
    maximum: ARENA_PAGES,
    shared: true,
  });
  const address = adapter.addressOf(new Uint8Array(memory.buffer));
  return arenaOfThread = { memory, address, used: 0, free: new Map() };
}

function takeRange(length: number): number {
  const { used, free } = arena();
  const again = free.get(length)?.pop();
  if (again !== undefined) return again;
  if (used + length > ARENA_PAGES * PAGE) {
    throw new RangeError(
      `Cannot map ${length} bytes: a thread maps 1 GiB at most, ${used} bytes are taken`,
    );
  }
  arena().used += length;
  return used;
}

/** Maps the first `byteLength` bytes (a multiple of {@linkcode PAGE}) of a file, shared. */
export function mapFile(fd: number, path: string, byteLength: number): Mapping {
  if (adapter.mapping === "plain") {
    const address = libc().mmap(0, byteLength, PROT_READ_WRITE, MAP_SHARED, fd, 0);
    if (address === -1) throw systemError("map", path, errno());
    return { buffer: adapter.bufferAt(address, byteLength), base: 0, address, memory: undefined };
  }
  const base = takeRange(byteLength);
  const { memory, address: start } = arena();
  const address = start + base;
  const flags = MAP_SHARED | MAP_FIXED;
  if (libc().mmap(address, byteLength, PROT_READ_WRITE, flags, fd, 0) !== address) {
    throw systemError("map", path, errno());
  }
  return { buffer: memory.buffer, base, address, memory };
}

/** Lays fresh private pages over a mapping: views of it stay valid and no longer show the file. */
export function unmap(mapping: Mapping, byteLength: number): void {
  const flags = MAP_PRIVATE_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  libc().mmap(mapping.address, byteLength, PROT_READ_WRITE, flags, -1, 0);
  if (mapping.memory === undefined) return;
  const { free } = arena();
  const ranges = free.get(byteLength);
  if (ranges === undefined) free.set(byteLength, [mapping.base]);
  else ranges.push(mapping.base);
}
