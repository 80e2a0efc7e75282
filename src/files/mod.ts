/**
 * Locks, counters and documents in files, for processes of any runtime.
 *
 * @module
 */
export type { FileLockCapabilities } from "./capabilities.ts";
export { FileLock } from "./file_lock.ts";
export type {
  DescriptorLockOptions,
  FileAcquireOptions,
  FileLockOptions,
} from "./file_lock_options.ts";
export type { ByteRange } from "../runtime/file_locks/byte_range.ts";
export type { LockMechanism } from "../runtime/file_locks/lock_file.ts";
export type { CounterBatch, CounterBatchSync } from "./counter_batch.ts";
export { FileCounter, type FileCounterOptions } from "./file_counter.ts";
export { JsonFile, type JsonFileOptions, type JsonSchema } from "./json_file.ts";
