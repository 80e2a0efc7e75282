import type { Row } from "../results.ts";

/** The names that users know, by subject and operation. */
export const NAMES = {
  "atomics/add": "AtomicCounter.add",
  "atomics/add of 32 bits": "add of 32 bits",
  "atomics/striped add": "StripedCounter.add",
  "mutex/lock, unlock": "Mutex, bare pair",
  "mutex/lock, increment, unlock": "Mutex, increment",
  "mutex/guard by try, finally": "Mutex, guard by finally",
  "mutex/guard by using": "Mutex, guard by using",
  "mutex/hand-off": "Mutex, hand-off",
  "mutex/hand-off to a task": "Mutex, hand-off to a task",
  "mutex/wake-up": "Wake-up of a thread",
  "async_acquire/acquire, release": "Mutex, awaited",
  "async_acquire/acquire, release; each timed": "Mutex, awaited",
  "recovery/recovery from an owner that was killed": "Mutex of a killed owner",
  "semaphore/waitSync, post": "Semaphore, bare pair",
  "semaphore/wait, increment, post": "Semaphore, increment",
  "rw_lock/read lock, unlock": "RwLock, bare read pair",
  "rw_lock/write lock, unlock": "RwLock, bare write pair",
  "rw_lock/read lock, increment of its own, unlock": "RwLock, read and increment",
  "values/shared value += 1": "SharedValue += 1",
  "values/shared value add": "SharedValue.add",
  "values/shared value under a mutex": "SharedValue, locked",
  "values/raw value under a mutex": "RawValue, locked",
  "values/array cell under its mutex": "RawArray, locked",
  "file_lock/lock, unlock": "FileLock, bare pair",
  "file_lock/acquire, release": "FileLock, awaited",
  "file_lock/acquire, release; each timed": "FileLock, awaited",
  "file_lock/guard by using": "FileLock, guard by using",
  "file_lock/hand-off": "FileLock, hand-off",
  "file_lock/hand-off to a task": "FileLock, hand-off to a task",
  "file_counter/add": "FileCounter.add",
  "file_counter/add, durable": "FileCounter, durable add",
  "file_counter/add, durable, by 64 tasks": "FileCounter, by 64 tasks",
  "file_counter/add, not editable": "FileCounter, not editable",
  "file_counter/add in a batch of 1,000": "FileCounter, in a batch",
  "file_counter/text file under a lock": "Text file under a lock",
  "file_counter/text file under a lock, in memory": "Text file, in memory",
  "redis/counter add": "RedisCounter.add",
  "redis/counter add, pipelined": "RedisCounter, pipelined",
  "redis/counter add, pipelined 64 deep": "RedisCounter, 64 deep",
  "redis/counter add, coalesced": "RedisCounter, coalesced",
  "redis/lock: acquire, release": "RedisLock, awaited",
  "redis/lock over ioredis: acquire, release": "RedisLock over ioredis",
  "redis/lock: acquire, early release": "RedisLock, released early",
  "redis/lock over ioredis: acquire, early release": "RedisLock over ioredis, released early",
  "redis/lock: hand-off": "RedisLock, hand-off",
  "start_up/command under a file lock": "interlock lock COMMAND",
} as const;

/** The name of the operation that a row measured. */
export function nameOf({ subject, operation }: Pick<Row, "subject" | "operation">): string {
  return (NAMES as Readonly<Record<string, string>>)[`${subject}/${operation}`] ?? operation;
}

/** The name of a rival. */
export function rivalOf(
  { by, subject, operation }: Pick<Row, "by" | "subject" | "operation">,
): string {
  if (by === "c") {
    if (operation.endsWith("; not robust")) return "C, plain";
    return subject === "mutex" && operation.startsWith("lock") ? "C, robust" : "C";
  }
  if (by === "python") return "Python";
  return by === "flock" ? "flock(1)" : by;
}
