import type { PlatformWasmMemory } from "../../contract/platform.ts";
import { adapter } from "../adapters/adapter.ts";
import { errno, systemError } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { flagsOf } from "./descriptors.ts";
import { tryOpen } from "./open_file.ts";

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FIXED = 0x10;
const MAP_NORESERVE = 0x4000;
const ACCESS_MODE = 3;

/** The unit of a mapping's length: the WebAssembly page, a multiple of all page sizes. */
export const PAGE = 65536;

/** The largest arena of a V8 thread: 1 GiB of address space. */
const ARENA_PAGES = 16384;

/** Shared memory in the form that the runtime gives it. */
export interface Mapping {
  /** The buffer that contains it. */
  readonly buffer: ArrayBufferLike;
  /** The offset in the buffer at which it begins. */
  readonly base: number;
  /** The address of its first byte. */
  readonly address: number;
  /** On V8, the WebAssembly memory of the buffer. */
  readonly memory: PlatformWasmMemory | undefined;
}

interface Arena {
  readonly memory: WebAssembly.Memory;
  readonly address: number;
  /** Unused ranges as [start, end), in order, no two of them adjacent. */
  free: [number, number][];
  /**
   * The offset at which the search for a range begins, so that a freed range is reused as late as
   * possible.
   */
  next: number;
}

let arenaOfThread: Arena | undefined;

/** The one memory of all mappings of a V8 thread, so that one WebAssembly instance serves them. */
function arena(): Arena {
  if (arenaOfThread !== undefined) return arenaOfThread;
  const memory = reserveArena();
  // SAFETY: V8 reserves the maximum of a shared memory, which therefore never moves as it grows.
  const address = adapter.addressOf(new Uint8Array(memory.buffer));
  return arenaOfThread = { memory, address, free: [[0, PAGE]], next: 0 };
}

function reserveArena(): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: ARENA_PAGES, shared: true });
  } catch (cause) {
    throw new RangeError(
      "Cannot map a file: the process has too little address space left (ulimit -v)",
      { cause },
    );
  }
}

/**
 * Checks that `size` bytes can be mapped now.
 *
 * @throws {RangeError} If this thread has mapped too much already.
 */
export function checkRoom(size: number): void {
  if (adapter.mapping === "over-wasm") giveRange(takeRange(size), size);
}

function takeRange(length: number): number {
  const all = arena();
  const size = all.memory.buffer.byteLength;
  if (size + length <= ARENA_PAGES * PAGE) {
    all.memory.grow(length / PAGE);
    return size;
  }
  const rest = ARENA_PAGES * PAGE - size;
  if (rest > 0) {
    all.memory.grow(rest / PAGE);
    giveRange(size, rest);
  }
  const fits = ([start, end]: [number, number]) => end - start >= length;
  const range = all.free.find((range) => range[0] >= all.next && fits(range)) ??
    all.free.find(fits);
  if (range === undefined) {
    const left = all.free.reduce((sum, [start, end]) => sum + end - start, 0);
    throw new RangeError(
      `Cannot map ${length} bytes: a thread maps 1 GiB at most, of which ${left} bytes are left`,
    );
  }
  const [start] = range;
  range[0] += length;
  all.next = range[0];
  all.free = all.free.filter(([start, end]) => start < end);
  return start;
}

function giveRange(start: number, length: number): void {
  const all = arena();
  const ranges: [number, number][] = [];
  const sorted = [...all.free, [start, start + length] as [number, number]]
    .sort(([a], [b]) => a - b);
  for (const range of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === range[0]) last[1] = range[1];
    else ranges.push(range);
  }
  all.free = ranges;
}

/** The addresses of plain ranges whose buffers were collected, by their sizes. */
const unreachable = new Map<number, number[]>();

/**
 * Collects ranges whose mapping has ended. Only when the engine has collected the buffer of a range
 * is there no view left that could show the next file in it. The range stays mapped until then and
 * afterwards, since a helper thread may still look at a word in it.
 */
const ended = new FinalizationRegistry<{ address: number; size: number }>(({ address, size }) => {
  const addresses = unreachable.get(size);
  if (addresses === undefined) unreachable.set(size, [address]);
  else addresses.push(address);
});

/**
 * Opens a file again to map it, on an engine that does not unmap when a thread ends: a mapping
 * keeps its open file, and all locks on it. Returns `undefined` if the descriptor itself can be
 * mapped, or must be since `/proc` is not mounted.
 */
export function openToMap(fd: number): number | undefined {
  if (adapter.mapping !== "plain") return undefined;
  const flags = flagsOf(fd);
  // With the same access, since root could open it for more.
  return flags < 0 ? undefined : tryOpen(`/proc/self/fd/${fd}`, flags & ACCESS_MODE);
}

function mapPlain(fd: number, path: string, size: number, kind: number): number {
  const range = unreachable.get(size)?.shift() ?? 0;
  const fixed = range === 0 ? 0 : MAP_FIXED;
  // SAFETY: the system picks an address at which nothing is mapped, or this replaces the empty
  // pages of a range that no view shows. The range stays mapped until the process ends; after a
  // failure, it is not used again, since the system may have removed its pages.
  const address = libc.mmap(range, size, PROT_READ_WRITE, kind | fixed, fd, 0);
  if (address === -1) throw systemError("map", path, errno());
  return address;
}

/**
 * Maps the first `size` bytes (a multiple of {@linkcode PAGE}) of a file.
 *
 * @param shared Whether writes reach the file and its other users; if not, it may be open
 * read-only.
 */
export function mapFile(
  fd: number,
  path: string,
  size: number,
  shared = true,
): Mapping {
  const kind = shared ? MAP_SHARED : MAP_PRIVATE;
  if (adapter.mapping === "plain") {
    const address = mapPlain(fd, path, size, kind);
    return { buffer: adapter.bufferAt(address, size), base: 0, address, memory: undefined };
  }
  const base = takeRange(size);
  const { memory, address: start } = arena();
  const address = start + base;
  const flags = kind | MAP_FIXED;
  // SAFETY: MAP_FIXED replaces what is mapped there. `takeRange` gives whole pages of the arena,
  // which no other mapping uses and V8 neither moves nor frees.
  if (libc.mmap(address, size, PROT_READ_WRITE, flags, fd, 0) !== address) {
    const failure = errno();
    giveRange(base, size);
    throw systemError("map", path, failure);
  }
  return { buffer: memory.buffer, base, address, memory };
}

/**
 * Replaces a mapping by empty private pages: views of it stay valid and no longer show the file.
 */
export function unmap(mapping: Mapping, size: number): void {
  // SAFETY: the range is one that `mapFile` mapped, and pages stay mapped there, so that no view of
  // it reads other memory.
  const flags = MAP_PRIVATE_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  libc.mmap(mapping.address, size, PROT_READ_WRITE, flags, -1, 0);
  if (mapping.memory !== undefined) giveRange(mapping.base, size);
  else ended.register(mapping.buffer, { address: mapping.address, size });
}

/**
 * Maps the {@linkcode PAGE} that contains a byte of a file, at an address of its own: the engine
 * never unmaps it, not even when its thread or the process ends. As each mapping, it keeps the open
 * file. Returns the address of the byte; `undefined` if the system refuses.
 */
export function mapByte(fd: number, at: number): number | undefined {
  const inPage = at % PAGE;
  // SAFETY: the system picks an address at which nothing is mapped.
  const address = libc.mmap(0, PAGE, PROT_READ_WRITE, MAP_SHARED, fd, at - inPage);
  return address === -1 ? undefined : address + inPage;
}

/**
 * Ends the mapping of a byte.
 *
 * SAFETY: `address` must be what {@linkcode mapByte} returned for `at`, and nothing use it any more.
 */
export function unmapByte(address: number, at: number): void {
  libc.munmap(address - at % PAGE, PAGE);
}
