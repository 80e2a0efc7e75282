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

/** A way to use a candidate, whose cost the benchmark measures. */
export interface Way {
  readonly subject: string;
  readonly operation: string;
  readonly medium: "anonymous" | "mapped" | "file" | "redis";
  readonly setting: "alone" | "workers" | "processes";
  /** The number of workers or processes. */
  readonly count: number;
  /** The number of tasks of each that are at work at once. */
  readonly tasks: number;
  /** In words, to follow a cost: `by 64 tasks at once`. */
  readonly how: string;
}

/** A primitive that may be recommended. */
export interface Candidate {
  readonly name: string;
  readonly medium: "shared memory" | "file" | "Redis";
  readonly need: typeof NEEDS[number];
  readonly reach: typeof REACHES[number];
  readonly survives: typeof SURVIVALS[number];
  /** Whether people and other languages can read it. */
  readonly readable: boolean;
  /** Whether it loses what its process has not passed on when it dies. */
  readonly lossy: boolean;
  /** First alone, one operation after the other. */
  readonly ways: readonly Way[];
  /** What to know before using it. */
  readonly notes: readonly string[];
  /** A complete program. */
  readonly code: string;
}

/** A subject and an operation that the benchmark measures. */
type Row = readonly [subject: string, operation: string];

/** A candidate as it stands in the tables below. */
interface Entry extends Pick<Candidate, "name" | "survives" | "code"> {
  readonly medium: Way["medium"];
  readonly lossy?: true;
  /** The row of one after the other. */
  readonly alone: Row;
  /** The row of 4 workers or processes at once. */
  readonly together?: Row;
  /** How `together` differs from `alone`. */
  readonly by?: string;
  /** The row of {@linkcode TASKS} tasks of a process at once. */
  readonly tasks?: Row;
  readonly notes?: readonly string[];
}

/** What each medium is called, how far it reaches, and what the benchmark repeats at once. */
const MEDIA = {
  anonymous: ["shared memory", "process", "workers"],
  mapped: ["shared memory", "machine", "processes"],
  file: ["file", "machine", "processes"],
  redis: ["Redis", "network", "processes"],
} as const;
const TOGETHER = 4;
const TASKS = 64;

/** Completes an entry. Its program imports a Segment, or what its name begins with. */
function candidateFor(need: Candidate["need"]): (entry: Entry) => Candidate {
  return (entry) => {
    const { name, medium: kind, survives, lossy = false, notes = [], code } = entry;
    const [medium, reach] = MEDIA[kind];
    const used = medium === "shared memory" ? "Segment" : /^\w+/.exec(name)![0];
    const from = `@interlock/interlock${kind === "redis" ? "/redis" : ""}`;
    return {
      name,
      medium,
      need,
      reach,
      survives,
      readable: medium !== "shared memory",
      lossy,
      ways: waysOf(entry),
      notes,
      code: `import { ${used} } from "${from}";\n\n${code}\n`,
    };
  };
}

function waysOf({ medium, alone, together, by = "", tasks }: Entry): Way[] {
  const [, , unit] = MEDIA[medium];
  const one = { medium, setting: "alone", count: 1, tasks: 1, how: "alone" } as const;
  const way = ([subject, operation]: Row, more: Partial<Way>): Way => ({
    ...one,
    subject,
    operation,
    ...more,
  });
  const how = `by ${TOGETHER} ${unit} at once${by}`;
  // The server's clients are measured alone: the tasks of one process keep the server busy.
  const members = medium === "redis" ? {} : { setting: unit, count: 1 };
  return [
    way(alone, {}),
    ...together ? [way(together, { setting: unit, count: TOGETHER, how })] : [],
    ...tasks ? [way(tasks, { ...members, tasks: TASKS, how: `by ${TASKS} tasks at once` })] : [],
  ];
}

const SUM = "Concurrent adders have a stripe each; a read sums the stripes.";
const TMPFS = "Its value is lost when the machine restarts.";
const BARE = "In hot loops, lock() and unlock() cost less than a guard.";
const BARE_PAIR = " with lock() and unlock()";
const FOLDER = "Make its folder first, on a disk (not tmpfs) and for the user of your program: " +
  "sudo install -d -o USER /var/lib/my-program";
const TEXT = "A text file that people can read and edit.";
const NEAR = "It was measured with the server on the same machine; a network adds its round trip.";
const ONCE =
  "If an answer is lost, it is unknown whether the add counted. add(1, { operation }) with " +
  "a new name for each add counts once, and is sent as a command of its own.";
const SYNCED = "The server must store each write: appendonly yes, appendfsync always.";
const AS_SERVER = "It survives what its server survives.";
const LEASE = "A lease: if it cannot be renewed, guard.signal aborts before another client gets " +
  "the lock.";
const STALE = "A resource that must reject stale writers checks guard.token: a lease alone cannot.";
const HAND_ON = "The tasks of a process hand the lock on without asking the server; other " +
  "processes get it after some turns.";
const ITS_HOLDER = "Other languages can read its holder, but not take it.";

const ANONYMOUS = `const segment = Segment.anonymous();
// worker.postMessage(segment.handle); in the worker: Segment.from(event.data)`;
const NAMED = `using segment = Segment.open("my-program"); // The same in every process.`;
const ATOMIC = `const visits = segment.counter("visits");
visits.add();
console.log(visits.value);`;
const STRIPED = ATOMIC.replace(`counter("visits")`, `stripedCounter("visits", 8)`);
const TEXT_FILE = `using visits = new FileCounter("/var/lib/my-program/visits.txt");`;
const ON_REDIS = `await using visits = new RedisCounter("redis://127.0.0.1:6379", "visits");`;
const ADD = "console.log(await visits.add()); // Tasks that add at once share a";
const REDIS_LOCK = `await using door = new RedisLock("redis://127.0.0.1:6379", "door");
{
  await using guard = await door.acquire({ timeout: 10_000 });
  guard.signal.throwIfAborted(); // Or pass it to what you do.
}`;
const HANDED_ON = REDIS_LOCK.replace(`"door")`, `"door", { localHandOff: true })`);

/** The counters, the simplest first. */
const COUNTERS: readonly Entry[] = [
  {
    name: "AtomicCounter in an anonymous segment",
    medium: "anonymous",
    survives: "nothing",
    alone: ["atomics", "add"],
    together: ["atomics", "add"],
    code: `${ANONYMOUS}\n${ATOMIC}`,
  },
  {
    name: "StripedCounter in an anonymous segment",
    medium: "anonymous",
    survives: "nothing",
    alone: ["atomics", "striped add"],
    together: ["atomics", "striped add"],
    notes: [SUM],
    code: `${ANONYMOUS}\n${STRIPED}`,
  },
  {
    name: "AtomicCounter in a named segment",
    medium: "mapped",
    survives: "crash",
    alone: ["atomics", "add"],
    together: ["atomics", "add"],
    notes: [TMPFS],
    code: `${NAMED}\n${ATOMIC}`,
  },
  {
    name: "StripedCounter in a named segment",
    medium: "mapped",
    survives: "crash",
    alone: ["atomics", "striped add"],
    together: ["atomics", "striped add"],
    notes: [SUM, TMPFS],
    code: `${NAMED}\n${STRIPED}`,
  },
  {
    name: "FileCounter",
    medium: "file",
    survives: "crash",
    alone: ["file_counter", "add"],
    together: ["file_counter", "add"],
    tasks: ["file_counter", "add, by 64 tasks"],
    notes: [TEXT, FOLDER],
    code: `${TEXT_FILE}\n${ADD} write.`,
  },
  {
    name: "FileCounter, durable",
    medium: "file",
    survives: "power",
    alone: ["file_counter", "add, durable"],
    together: ["file_counter", "add, durable"],
    tasks: ["file_counter", "add, durable, by 64 tasks"],
    notes: ["An add returns when it is stored.", TEXT, FOLDER],
    code: `${TEXT_FILE.replace(")", ", { durable: true })")}\n${ADD} sync.`,
  },
  {
    name: "RedisCounter",
    medium: "redis",
    survives: "crash",
    alone: ["redis", "counter add"],
    tasks: ["redis", "counter add, by 64 tasks"],
    notes: [AS_SERVER, ONCE, NEAR],
    code: `${ON_REDIS}\n${ADD} command.`,
  },
  {
    name: "RedisCounter on a server that stores each write",
    medium: "redis",
    survives: "power",
    alone: ["redis", "counter add, stored"],
    tasks: ["redis", "counter add, stored, by 64 tasks"],
    notes: [SYNCED, ONCE, NEAR],
    code: `${ON_REDIS}\n${ADD} command.`,
  },
  {
    name: "FileCounter in batches",
    medium: "file",
    survives: "nothing",
    lossy: true,
    alone: ["file_counter", "add in a batch of 1,000"],
    notes: ["Adds that are not written are lost if the process dies.", TEXT, FOLDER],
    code: `${TEXT_FILE}
using batch = visits.batchSync(1000); // One write for up to 1,000 adds, and the last at its end.
batch.add();`,
  },
  {
    name: "RedisCounter, coalesced",
    medium: "redis",
    survives: "nothing",
    lossy: true,
    alone: ["redis", "counter add, coalesced"],
    notes: ["Adds that are not sent are lost if the process dies.", NEAR],
    code: `${ON_REDIS}
await using collected = visits.coalesced({ flushEvery: 50 }); // Milliseconds; and at its end.
collected.add();`,
  },
];

/** The locks, the simplest first. */
const LOCKS: readonly Entry[] = [
  {
    name: "Mutex in an anonymous segment",
    medium: "anonymous",
    survives: "nothing",
    alone: ["async_acquire", "acquire, release"],
    together: ["mutex", "lock, increment, unlock"],
    by: BARE_PAIR,
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
    medium: "mapped",
    survives: "crash",
    alone: ["async_acquire", "acquire, release"],
    together: ["mutex", "lock, increment, unlock"],
    by: BARE_PAIR,
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
    medium: "file",
    survives: "power",
    alone: ["file_lock", "acquire, release"],
    together: ["file_lock", "lock, unlock"],
    by: BARE_PAIR,
    notes: [
      "The kernel frees it when its holder ends. A power loss may lose its last tokens.",
      "Compatible with flock(1), Python's fcntl.flock and C.",
      FOLDER,
    ],
    code: `using door = new FileLock("/var/lib/my-program/door.lock");
{
  using guard = await door.acquire({ timeout: 10_000 });
  console.log(guard.token); // A fencing token, which only grows.
}`,
  },
  {
    name: "RedisLock",
    medium: "redis",
    survives: "crash",
    alone: ["redis", "lock: acquire, release"],
    notes: [AS_SERVER, LEASE, STALE, ITS_HOLDER, NEAR],
    code: REDIS_LOCK,
  },
  {
    name: "RedisLock, handed on among tasks",
    medium: "redis",
    survives: "crash",
    alone: ["redis", "lock: acquire, release"],
    tasks: ["redis", "lock: by 64 tasks, handed on"],
    notes: [HAND_ON, AS_SERVER, LEASE, STALE, ITS_HOLDER, NEAR],
    code: HANDED_ON,
  },
  {
    name: "RedisLock on a server that stores each write",
    medium: "redis",
    survives: "power",
    alone: ["redis", "lock: acquire, release, stored"],
    notes: [SYNCED, LEASE, STALE, ITS_HOLDER, NEAR],
    code: REDIS_LOCK,
  },
  {
    name: "RedisLock on a server that stores each write, handed on among tasks",
    medium: "redis",
    survives: "power",
    alone: ["redis", "lock: acquire, release, stored"],
    tasks: ["redis", "lock: by 64 tasks, handed on, stored"],
    notes: [SYNCED, HAND_ON, LEASE, STALE, ITS_HOLDER, NEAR],
    code: HANDED_ON,
  },
];

/** All candidates, the simplest of each kind first. */
export const CANDIDATES: readonly Candidate[] = [
  ...COUNTERS.map(candidateFor("counter")),
  ...LOCKS.map(candidateFor("lock")),
];
