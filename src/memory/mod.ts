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
export { RawRecord } from "./raw_record.ts";
export { RawValue } from "./raw_value.ts";
export { type Fields, record, RecordDescription, type RecordValue } from "./record.ts";
export {
  bytes,
  type BytesField,
  type FieldType,
  type FieldValue,
  text,
  type TextField,
} from "./record_field.ts";
export { SeqlockRecord } from "./seqlock_record.ts";
export { SharedArray } from "./shared_array.ts";
export { SharedRecord } from "./shared_record.ts";
export { SharedValue } from "./shared_value.ts";
export { StripedCounter } from "./striped_counter.ts";
export { Segment, type SegmentHandle, type SegmentInfo, type SegmentOptions } from "./segment.ts";
