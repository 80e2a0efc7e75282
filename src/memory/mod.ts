/**
 * Locks, counters and values in shared memory, for the workers of a process and for processes.
 *
 * @module
 */
export { AtomicCounter } from "./atomic_counter.ts";
export type { Recovery } from "./attachment.ts";
export { Barrier } from "./barrier.ts";
export type { BarrierOptions } from "./barrier_options.ts";
export { Channel } from "./channel.ts";
export type { ChannelOptions } from "./channel_options.ts";
export { Condition } from "./condition.ts";
export type { Elements, ElementType } from "./element.ts";
export { Flag } from "./flag.ts";
export { Latch, type LatchOptions } from "./latch.ts";
export { LockManager } from "./lock_manager.ts";
export type {
  GrantedLock,
  LockCallback,
  LockInfo,
  LockManagerSnapshot,
  LockMode,
  LockRequestOptions,
  LockRequestSyncOptions,
} from "./lock_request.ts";
export { Memory } from "./memory.ts";
export type { MapOptions } from "./memory_file.ts";
export { Mutex } from "./mutex.ts";
export type { MutexGuard } from "./mutex_guard.ts";
export type { MutexAcquireOptions, MutexOptions, MutexTryAcquireOptions } from "./mutex_options.ts";
export { Once, type OnceOptions } from "./once.ts";
export { RawArray } from "./raw_array.ts";
export { RawRecord } from "./raw_record.ts";
export { RawValue } from "./raw_value.ts";
export { defineRecord, type Fields, type RecordDescription, type RecordValue } from "./record.ts";
export {
  type BytesField,
  field,
  type FieldType,
  type FieldValue,
  type TextField,
} from "./record_field.ts";
export type { MemoryHandle } from "./region.ts";
export { RwLock } from "./rw_lock.ts";
export type { RwLockGuard } from "./rw_lock_guard.ts";
export type {
  Preference,
  RwLockAcquireOptions,
  RwLockOptions,
  RwLockTryAcquireOptions,
} from "./rw_lock_options.ts";
export { Semaphore } from "./semaphore.ts";
export type {
  SemaphoreAcquireOptions,
  SemaphoreOptions,
  SemaphoreTryAcquireOptions,
} from "./semaphore_options.ts";
export { SeqlockRecord } from "./seqlock_record.ts";
export { SharedArray } from "./shared_array.ts";
export { SharedRecord } from "./shared_record.ts";
export { SharedValue } from "./shared_value.ts";
export { StripedCounter } from "./striped_counter.ts";
export { Segment } from "./segment.ts";
export type {
  DeadlockOptions,
  SegmentFolderOptions,
  SegmentHandle,
  SegmentInfo,
  SegmentOptions,
} from "./segment_options.ts";
export type { MemorySlots, MemoryThread, RecordedWait, WaitKind } from "./wait_records.ts";
