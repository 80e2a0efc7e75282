import type { Candidate } from "./candidate.ts";

const FLUSH = "Adds that are not flushed are lost if the process dies.";
const SUM = "Concurrent adders have a stripe each; a read sums the stripes.";
const TMPFS = "Its value is lost when the machine restarts.";

const ANONYMOUS = `const segment = Segment.anonymous();
// worker.postMessage(segment.handle); in the worker: Segment.from(event.data)`;

/** The counters, the simplest first. */
export const COUNTERS: readonly Candidate[] = [
  {
    name: "AtomicCounter in an anonymous segment",
    medium: "shared memory",
    need: "counter",
    reach: "process",
    survives: "nothing",
    measured: { subject: "atomics", operation: "add", medium: "anonymous", unit: "workers" },
    notes: [],
    code: `import { Segment } from "@interlock/interlock";

${ANONYMOUS}
const visits = segment.counter("visits");
visits.add();
console.log(visits.value);
`,
  },
  {
    name: "StripedCounter in an anonymous segment",
    medium: "shared memory",
    need: "counter",
    reach: "process",
    survives: "nothing",
    measured: {
      subject: "atomics",
      operation: "striped add",
      medium: "anonymous",
      unit: "workers",
    },
    notes: [SUM],
    code: `import { Segment } from "@interlock/interlock";

${ANONYMOUS}
const visits = segment.stripedCounter("visits", 8);
visits.add();
console.log(visits.value);
`,
  },
  {
    name: "AtomicCounter in a named segment",
    medium: "shared memory",
    need: "counter",
    reach: "machine",
    survives: "crash",
    measured: { subject: "atomics", operation: "add", medium: "mapped", unit: "processes" },
    notes: [TMPFS],
    code: `import { Segment } from "@interlock/interlock";

using segment = Segment.open("my-program"); // The same in every process.
const visits = segment.counter("visits");
visits.add();
console.log(visits.value);
`,
  },
  {
    name: "StripedCounter in a named segment",
    medium: "shared memory",
    need: "counter",
    reach: "machine",
    survives: "crash",
    measured: {
      subject: "atomics",
      operation: "striped add",
      medium: "mapped",
      unit: "processes",
    },
    notes: [SUM, TMPFS],
    code: `import { Segment } from "@interlock/interlock";

using segment = Segment.open("my-program"); // The same in every process.
const visits = segment.stripedCounter("visits", 8);
visits.add();
console.log(visits.value);
`,
  },
  {
    name: "FileCounter in batches",
    medium: "file",
    need: "counter",
    reach: "machine",
    survives: "nothing",
    measured: {
      subject: "file_counter",
      operation: "add in a batch of 1,000",
      medium: "file",
      unit: "processes",
    },
    notes: [FLUSH],
    code: `import { FileCounter } from "@interlock/interlock";

using visits = new FileCounter("/tmp/my-program/visits.txt");
using batch = visits.batchSync(1000); // One write for up to 1,000 adds, and the last at its end.
batch.add();
`,
  },
  {
    name: "FileCounter",
    medium: "file",
    need: "counter",
    reach: "machine",
    survives: "crash",
    measured: { subject: "file_counter", operation: "add", medium: "file", unit: "processes" },
    notes: ["A text file that people can read and edit."],
    code: `import { FileCounter } from "@interlock/interlock";

using visits = new FileCounter("/tmp/my-program/visits.txt");
console.log(visits.addSync());
`,
  },
  {
    name: "FileCounter, durable",
    medium: "file",
    need: "counter",
    reach: "machine",
    survives: "power",
    measured: {
      subject: "file_counter",
      operation: "add, durable",
      medium: "file",
      unit: "processes",
    },
    notes: ["An add returns when it is stored. Put the file on a disk, not on tmpfs."],
    code: `import { FileCounter } from "@interlock/interlock";

using visits = new FileCounter("/tmp/my-program/visits.txt", { durable: true });
console.log(visits.addSync());
`,
  },
  {
    name: "RedisCounter, coalesced",
    medium: "Redis",
    need: "counter",
    reach: "network",
    survives: "nothing",
    measured: {
      subject: "redis",
      operation: "counter add, coalesced",
      medium: "redis",
      unit: "processes",
    },
    notes: [FLUSH],
    code: `import { RedisCounter } from "@interlock/interlock/redis";

await using visits = new RedisCounter("redis://127.0.0.1:6379", "visits");
await using collected = visits.coalesced({ flushEvery: 50 }); // Milliseconds; and at its end.
collected.add();
`,
  },
  {
    name: "RedisCounter",
    medium: "Redis",
    need: "counter",
    reach: "network",
    survives: "power",
    measured: { subject: "redis", operation: "counter add", medium: "redis", unit: "processes" },
    notes: [
      "It survives what its server survives; a power loss with appendonly yes, appendfsync always.",
    ],
    code: `import { RedisCounter } from "@interlock/interlock/redis";

await using visits = new RedisCounter("redis://127.0.0.1:6379", "visits");
await visits.add(1, { operation: crypto.randomUUID() }); // Once, whatever the network does.
console.log(await visits.get());
`,
  },
];
