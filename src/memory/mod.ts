/**
 * Locks, counters and values in shared memory, for the workers of a process and for processes.
 *
 * @module
 */
export { AtomicCounter } from "./atomic_counter.ts";
export type { Atomic } from "./atomics.ts";
export type { Elements, ElementType } from "./element.ts";
export { Flag } from "./flag.ts";
export { Memory, type MemoryHandle } from "./memory.ts";
export { Mutex, type MutexAcquireOptions, type MutexOptions } from "./mutex.ts";
export { RawArray } from "./raw_array.ts";
export { RawValue } from "./raw_value.ts";
export { SharedArray } from "./shared_array.ts";
export { SharedValue } from "./shared_value.ts";
export { StripedCounter } from "./striped_counter.ts";
export { Segment, type SegmentHandle, type SegmentInfo, type SegmentOptions } from "./segment.ts";
