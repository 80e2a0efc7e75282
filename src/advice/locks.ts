import type { Candidate } from "./candidate.ts";

/** The locks, the simplest first. */
export const LOCKS: readonly Candidate[] = [
  {
    name: "Mutex in an anonymous segment",
    medium: "shared memory",
    need: "lock",
    reach: "process",
    survives: "nothing",
    measured: {
      subject: "mutex",
      operation: "lock, increment, unlock",
      medium: "anonymous",
      unit: "workers",
    },
    notes: ["In hot loops, lock() and unlock() cost less than a guard."],
    code: `import { Segment } from "@interlock/interlock";

const segment = Segment.anonymous();
// worker.postMessage(segment.handle); in the worker: Segment.from(event.data)
const door = segment.mutex("door");
{
  using _guard = await door.acquire({ timeout: 10_000 });
  // No other worker is in here.
}
`,
  },
  {
    name: "Mutex in a named segment",
    medium: "shared memory",
    need: "lock",
    reach: "machine",
    survives: "crash",
    measured: {
      subject: "mutex",
      operation: "lock, increment, unlock",
      medium: "mapped",
      unit: "processes",
    },
    notes: [
      "If its holder dies, the next holder sees guard.recovered.",
      "In hot loops, lock() and unlock() cost less than a guard.",
    ],
    code: `import { Segment } from "@interlock/interlock";

using segment = Segment.open("my-program"); // The same in every process.
const door = segment.mutex("door");
{
  using guard = await door.acquire({ timeout: 10_000 });
  if (guard.recovered) console.log("the last owner died in here", guard.previousOwner);
  // No other process is in here.
}
`,
  },
  {
    name: "FileLock",
    medium: "file",
    need: "lock",
    reach: "machine",
    survives: "power",
    measured: {
      subject: "file_lock",
      operation: "lock, unlock",
      medium: "file",
      unit: "processes",
    },
    notes: [
      "The kernel frees it when its holder ends; its token keeps growing.",
      "Compatible with flock(1), Python's fcntl.flock and C.",
    ],
    code: `import { FileLock } from "@interlock/interlock";

using door = new FileLock("/tmp/my-program/door.lock");
{
  using guard = await door.acquire({ timeout: 10_000 });
  console.log(guard.token); // A fencing token, which only grows.
}
`,
  },
  {
    name: "RedisLock",
    medium: "Redis",
    need: "lock",
    reach: "network",
    survives: "power",
    measured: {
      subject: "redis",
      operation: "lock: acquire, release",
      medium: "redis",
      unit: "processes",
    },
    notes: [
      "A lease: if it cannot be renewed, guard.signal aborts before another client gets the lock.",
      "A resource that must reject stale writers checks guard.token: a lease alone cannot.",
    ],
    code: `import { RedisLock } from "@interlock/interlock/redis";

await using door = new RedisLock("redis://127.0.0.1:6379", "door");
{
  await using guard = await door.acquire({ timeout: 10_000 });
  guard.signal.throwIfAborted(); // Or pass it to what you do.
}
`,
  },
];
