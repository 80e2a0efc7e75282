import { subject as asyncAcquire } from "./async_acquire.ts";
import { subject as atomics } from "./atomics.ts";
import { subject as channel } from "./channel.ts";
import { subject as fileCounter } from "./file_counter.ts";
import { subject as fileLock } from "./file_lock.ts";
import { subject as jsonFile } from "./json_file.ts";
import { subject as locks } from "./locks.ts";
import { subject as mutex } from "./mutex.ts";
import { subject as recovery } from "./recovery.ts";
import { subject as redis } from "./redis.ts";
import { subject as rendezvous } from "./rendezvous.ts";
import { subject as rwLock } from "./rw_lock.ts";
import { subject as segment } from "./segment.ts";
import { subject as semaphore } from "./semaphore.ts";
import { subject as startUp } from "./start_up.ts";
import type { Subject } from "./subject.ts";
import { subject as values } from "./values.ts";

/** All subjects, in the order of the report. */
export const SUBJECTS: readonly Subject[] = [
  atomics,
  mutex,
  asyncAcquire,
  locks,
  rendezvous,
  semaphore,
  rwLock,
  values,
  channel,
  segment,
  fileLock,
  fileCounter,
  jsonFile,
  recovery,
  redis,
  startUp,
];
