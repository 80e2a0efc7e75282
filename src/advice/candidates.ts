/** What to recommend: a counter or a lock. */
export const NEEDS = ["counter", "lock"] as const;
/** The reach: the workers of one process, the processes of one machine, several machines. */
export const REACHES = ["process", "machine", "network"] as const;
/** What it survives: nothing, a killed process, a power loss. */
export const SURVIVALS = ["nothing", "crash", "power"] as const;
/** The runtimes for which there is advice. */
export const RUNTIMES = ["deno", "bun", "node"] as const;

/** One of the runtimes. */
export type AdviceRuntime = typeof RUNTIMES[number];

/** The benchmark rows with the cost of a candidate. */
export interface Measured {
  readonly subject: string;
  readonly operation: string;
  readonly medium: "anonymous" | "mapped" | "file" | "redis";
  /** Whether the 4 that do it at once are workers or processes. */
  readonly unit: "workers" | "processes";
}

/** A primitive that may be recommended. */
export interface Candidate {
  readonly name: string;
  readonly medium: "shared memory" | "file" | "Redis";
  readonly need: typeof NEEDS[number];
  readonly reach: typeof REACHES[number];
  readonly survives: typeof SURVIVALS[number];
  readonly measured: Measured;
  /** What to know before using it. */
  readonly notes: readonly string[];
  /** A complete program. */
  readonly code: string;
}

/** A candidate as it stands in the tables below. */
interface Entry extends Pick<Candidate, "name" | "survives" | "code"> {
  /** The subject and the operation that the benchmark measures, and the medium. */
  readonly row: readonly [subject: string, operation: string, medium: Measured["medium"]];
  readonly notes?: readonly string[];
}

/** What each medium is called, how far it reaches, and what the benchmark repeats at once. */
const MEDIA = {
  anonymous: ["shared memory", "process", "workers"],
  mapped: ["shared memory", "machine", "processes"],
  file: ["file", "machine", "processes"],
  redis: ["Redis", "network", "processes"],
} as const;

/** Completes an entry. Its program imports a Segment, or what its name begins with. */
function candidateFor(need: Candidate["need"]): (entry: Entry) => Candidate {
  return ({ name, row: [subject, operation, kind], survives, notes = [], code }) => {
    const [medium, reach, unit] = MEDIA[kind];
    const used = medium === "shared memory" ? "Segment" : /^\w+/.exec(name)![0];
    const from = `@interlock/interlock${kind === "redis" ? "/redis" : ""}`;
    return {
      name,
      medium,
      need,
      reach,
      survives,
      measured: { subject, operation, medium: kind, unit },
      notes,
      code: `import { ${used} } from "${from}";\n\n${code}\n`,
    };
  };
}

const FLUSH = "Adds that are not flushed are lost if the process dies.";
const SUM = "Concurrent adders have a stripe each; a read sums the stripes.";
const TMPFS = "Its value is lost when the machine restarts.";
const BARE = "In hot loops, lock() and unlock() cost less than a guard.";

const ANONYMOUS = `const segment = Segment.anonymous();
// worker.postMessage(segment.handle); in the worker: Segment.from(event.data)`;
const NAMED = `using segment = Segment.open("my-program"); // The same in every process.`;
const ATOMIC = `const visits = segment.counter("visits");
visits.add();
console.log(visits.value);`;
const STRIPED = ATOMIC.replace(`counter("visits")`, `stripedCounter("visits", 8)`);
const TEXT_FILE = `using visits = new FileCounter("/tmp/my-program/visits.txt");`;
const ON_REDIS = `await using visits = new RedisCounter("redis://127.0.0.1:6379", "visits");`;

/** The counters, the simplest first. */
const COUNTERS: readonly Entry[] = [
  {
    name: "AtomicCounter in an anonymous segment",
    row: ["atomics", "add", "anonymous"],
    survives: "nothing",
    code: `${ANONYMOUS}\n${ATOMIC}`,
  },
  {
    name: "StripedCounter in an anonymous segment",
    row: ["atomics", "striped add", "anonymous"],
    survives: "nothing",
    notes: [SUM],
    code: `${ANONYMOUS}\n${STRIPED}`,
  },
  {
    name: "AtomicCounter in a named segment",
    row: ["atomics", "add", "mapped"],
    survives: "crash",
    notes: [TMPFS],
    code: `${NAMED}\n${ATOMIC}`,
  },
  {
    name: "StripedCounter in a named segment",
    row: ["atomics", "striped add", "mapped"],
    survives: "crash",
    notes: [SUM, TMPFS],
    code: `${NAMED}\n${STRIPED}`,
  },
  {
    name: "FileCounter in batches",
    row: ["file_counter", "add in a batch of 1,000", "file"],
    survives: "nothing",
    notes: [FLUSH],
    code: `${TEXT_FILE}
using batch = visits.batchSync(1000); // One write for up to 1,000 adds, and the last at its end.
batch.add();`,
  },
  {
    name: "FileCounter",
    row: ["file_counter", "add", "file"],
    survives: "crash",
    notes: ["A text file that people can read and edit."],
    code: `${TEXT_FILE}
console.log(visits.addSync());`,
  },
  {
    name: "FileCounter, durable",
    row: ["file_counter", "add, durable", "file"],
    survives: "power",
    notes: ["An add returns when it is stored. Put the file on a disk, not on tmpfs."],
    code: `${TEXT_FILE.replace(")", ", { durable: true })")}
console.log(visits.addSync());`,
  },
  {
    name: "RedisCounter, coalesced",
    row: ["redis", "counter add, coalesced", "redis"],
    survives: "nothing",
    notes: [FLUSH],
    code: `${ON_REDIS}
await using collected = visits.coalesced({ flushEvery: 50 }); // Milliseconds; and at its end.
collected.add();`,
  },
  {
    name: "RedisCounter",
    row: ["redis", "counter add", "redis"],
    survives: "power",
    notes: [
      "It survives what its server survives; a power loss with appendonly yes, appendfsync always.",
    ],
    code: `${ON_REDIS}
await visits.add(1, { operation: crypto.randomUUID() }); // Once, whatever the network does.
console.log(await visits.get());`,
  },
];

/** The locks, the simplest first. */
const LOCKS: readonly Entry[] = [
  {
    name: "Mutex in an anonymous segment",
    row: ["mutex", "lock, increment, unlock", "anonymous"],
    survives: "nothing",
    notes: [BARE],
    code: `${ANONYMOUS}
const door = segment.mutex("door");
{
  using _guard = await door.acquire({ timeout: 10_000 });
  // No other worker is in here.
}`,
  },
  {
    name: "Mutex in a named segment",
    row: ["mutex", "lock, increment, unlock", "mapped"],
    survives: "crash",
    notes: ["If its holder dies, the next holder sees guard.recovered.", BARE],
    code: `${NAMED}
const door = segment.mutex("door");
{
  using guard = await door.acquire({ timeout: 10_000 });
  if (guard.recovered) console.log("the last owner died in here", guard.previousOwner);
  // No other process is in here.
}`,
  },
  {
    name: "FileLock",
    row: ["file_lock", "lock, unlock", "file"],
    survives: "power",
    notes: [
      "The kernel frees it when its holder ends; its token keeps growing.",
      "Compatible with flock(1), Python's fcntl.flock and C.",
    ],
    code: `using door = new FileLock("/tmp/my-program/door.lock");
{
  using guard = await door.acquire({ timeout: 10_000 });
  console.log(guard.token); // A fencing token, which only grows.
}`,
  },
  {
    name: "RedisLock",
    row: ["redis", "lock: acquire, release", "redis"],
    survives: "power",
    notes: [
      "A lease: if it cannot be renewed, guard.signal aborts before another client gets the lock.",
      "A resource that must reject stale writers checks guard.token: a lease alone cannot.",
    ],
    code: `await using door = new RedisLock("redis://127.0.0.1:6379", "door");
{
  await using guard = await door.acquire({ timeout: 10_000 });
  guard.signal.throwIfAborted(); // Or pass it to what you do.
}`,
  },
];

/** All candidates, the simplest of each kind first. */
export const CANDIDATES: readonly Candidate[] = [
  ...COUNTERS.map(candidateFor("counter")),
  ...LOCKS.map(candidateFor("lock")),
];
