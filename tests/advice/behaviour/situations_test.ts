import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RUNTIMES } from "../../../src/advice/candidates.ts";
import { decide, type Wish } from "../../../src/advice/decide.ts";
import type { Figures } from "../../../src/advice/figures.ts";
import measured from "../../../src/advice/figures.json" with { type: "json" };

type Situation = readonly [
  situation: string,
  wish: Pick<Wish, "reach" | "survives" | "rate"> & { readonly readable?: true },
  answer: string | undefined,
];

const k = 1000;
const M = 1e6;

/** Situations and the right answer, written by hand: none is near the limit of a figure. */
const COUNTERS: readonly Situation[] = [
  [
    "progress of the workers of one program",
    { reach: "process", survives: "nothing", rate: 1 * k },
    "AtomicCounter in an anonymous segment",
  ],
  [
    "records that the workers of one program have parsed",
    { reach: "process", survives: "nothing", rate: 5 * M },
    "AtomicCounter in an anonymous segment",
  ],
  [
    "steps of a simulation in all workers",
    { reach: "process", survives: "nothing", rate: 80 * M },
    "StripedCounter in an anonymous segment",
  ],
  [
    "work done by a program that a supervisor starts again",
    { reach: "process", survives: "crash", rate: 1 * k },
    "AtomicCounter in a named segment",
  ],
  [
    "invoices of one program",
    { reach: "process", survives: "power", rate: 10 },
    "FileCounter, durable",
  ],
  [
    "progress that an administrator reads with cat",
    { reach: "process", survives: "nothing", readable: true, rate: 1 * k },
    "FileCounter",
  ],
  [
    "requests of all processes of a web server",
    { reach: "machine", survives: "nothing", rate: 1 * k },
    "AtomicCounter in a named segment",
  ],
  [
    "requests of processes that may be killed",
    { reach: "machine", survives: "crash", rate: 50 * k },
    "AtomicCounter in a named segment",
  ],
  [
    "packets in all processes",
    { reach: "machine", survives: "crash", rate: 5 * M },
    "AtomicCounter in a named segment",
  ],
  [
    "events of a tracer in all processes",
    { reach: "machine", survives: "crash", rate: 80 * M },
    "StripedCounter in a named segment",
  ],
  ["more than memory can do", { reach: "machine", survives: "nothing", rate: 2000 * M }, undefined],
  [
    "ticket numbers of a shop",
    { reach: "machine", survives: "power", rate: 10 },
    "FileCounter, durable",
  ],
  [
    "orders of a busy shop",
    { reach: "machine", survives: "power", rate: 1 * k },
    "FileCounter, durable",
  ],
  [
    "messages of a queue that acknowledges each",
    { reach: "machine", survives: "power", rate: 30 * k },
    "FileCounter, durable",
  ],
  [
    "the same, in many requests at once",
    { reach: "machine", survives: "power", rate: 100 * k },
    "FileCounter, durable",
  ],
  ["more than a disk stores", { reach: "machine", survives: "power", rate: 10 * M }, undefined],
  [
    "ticket numbers that a Python script reads",
    { reach: "machine", survives: "power", readable: true, rate: 100 },
    "FileCounter, durable",
  ],
  [
    "visits that people read and correct",
    { reach: "machine", survives: "crash", readable: true, rate: 1 * k },
    "FileCounter",
  ],
  [
    "visits of a busy site that people read",
    { reach: "machine", survives: "crash", readable: true, rate: 200 * k },
    "FileCounter",
  ],
  [
    "bytes that people read, of which some may be lost",
    { reach: "machine", survives: "nothing", readable: true, rate: 20 * M },
    "FileCounter in batches",
  ],
  [
    "bytes that people read, of which none may be lost",
    { reach: "machine", survives: "crash", readable: true, rate: 100 * M },
    undefined,
  ],
  [
    "visits of several machines",
    { reach: "network", survives: "nothing", rate: 1 * k },
    "RedisCounter",
  ],
  [
    "visits of several machines that a dashboard reads",
    { reach: "network", survives: "nothing", readable: true, rate: 1 * k },
    "RedisCounter",
  ],
  [
    "visits of many machines",
    { reach: "network", survives: "crash", rate: 20 * k },
    "RedisCounter",
  ],
  [
    "orders of several machines",
    { reach: "network", survives: "power", rate: 100 },
    "RedisCounter on a server that stores each write",
  ],
  [
    "orders of many machines, in many requests at once",
    { reach: "network", survives: "power", rate: 20 * k },
    "RedisCounter on a server that stores each write",
  ],
  ["more than a server stores", { reach: "network", survives: "power", rate: 20 * M }, undefined],
  [
    "metrics of many machines, of which some may be lost",
    { reach: "network", survives: "nothing", rate: 50 * M },
    "RedisCounter, coalesced",
  ],
  [
    "metrics of many machines, of which none may be lost",
    { reach: "network", survives: "crash", rate: 50 * M },
    undefined,
  ],
];

const LOCKS: readonly Situation[] = [
  [
    "a structure that the workers of one program change",
    { reach: "process", survives: "nothing", rate: 1 * k },
    "Mutex in an anonymous segment",
  ],
  [
    "the same, in a hot loop",
    { reach: "process", survives: "nothing", rate: 10 * M },
    "Mutex in an anonymous segment",
  ],
  [
    "a record in shared memory",
    { reach: "machine", survives: "nothing", rate: 10 * k },
    "Mutex in a named segment",
  ],
  [
    "a record whose writer may be killed",
    { reach: "machine", survives: "crash", rate: 5 * M },
    "Mutex in a named segment",
  ],
  [
    "a backup that runs only once at a time",
    { reach: "machine", survives: "power", rate: 1 },
    "FileLock",
  ],
  [
    "a file that a shell script locks with flock",
    { reach: "machine", survives: "crash", readable: true, rate: 100 },
    "FileLock",
  ],
  [
    "more than a file lock can do",
    { reach: "machine", survives: "power", rate: 10 * M },
    undefined,
  ],
  [
    "a nightly job of several machines",
    { reach: "network", survives: "nothing", rate: 1 },
    "RedisLock",
  ],
  [
    "an account, by any of several machines",
    { reach: "network", survives: "crash", rate: 500 },
    "RedisLock",
  ],
  [
    "one resource, in many requests at once",
    { reach: "network", survives: "crash", rate: 20 * k },
    "RedisLock, handed on among tasks",
  ],
  [
    "a payment that must not be made twice, even after a power loss of the server",
    { reach: "network", survives: "power", rate: 10 },
    "RedisLock on a server that stores each write",
  ],
  [
    "many such payments",
    { reach: "network", survives: "power", rate: 3 * k },
    "RedisLock on a server that stores each write, handed on among tasks",
  ],
  ["more than a server can do", { reach: "network", survives: "nothing", rate: 10 * M }, undefined],
];

for (const [need, situations] of [["counter", COUNTERS], ["lock", LOCKS]] as const) {
  describe(`the ${need} for`, () => {
    for (const [situation, wish, answer] of situations) {
      it(situation, () => {
        for (const runtime of RUNTIMES) {
          const { chosen } = decide(
            { readable: false, ...wish, need, runtime },
            measured as Figures,
          );
          assert.equal(chosen?.candidate.name, answer, runtime);
        }
      });
    }
  });
}
