/**
 * One operation in one thread of one runtime, by mitata: `alone.ts SUBJECT MEMORY`. Prints its
 * nanoseconds. A process each, since an engine optimises for all that it has seen.
 *
 * @module
 */
import { measure } from "mitata";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  AtomicCounter,
  FileLock,
  Memory,
  Mutex,
  Segment,
  SharedValue,
  StripedCounter,
} from "../mod.ts";
import type { AloneSubject } from "./alone_subjects.ts";
import { cellOf } from "./contended_worker.ts";

const BYTES = 4096;
const CPU_NS = 250e6;

const folder = mkdtempSync(join("/dev/shm", "interlock-alone-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** So many mutexes, each with a cell, in so many segments, used in turn by one call site. */
function turns(segments: number, mutexes: number): () => unknown {
  const all = Array.from({ length: segments }, (_, i) => {
    const segment = Segment.open(`turn-${i}`, { directory: folder });
    return Array.from({ length: mutexes }, (_, j) => segment.mutex(`mutex ${j}`));
  }).flat();
  let i = 0;
  return () => {
    const mutex = all[i = (i + 1) % all.length];
    mutex.lock();
    mutex.unlock();
  };
}

/** A mutex in a segment that has so many other things in it. */
function among(cells: number): () => unknown {
  const segment = Segment.open("among", { directory: folder, size: 1 << 20 });
  for (let i = 0; i < cells; i++) segment.counter(`cell ${i}`);
  const mutex = segment.mutex("mine");
  return () => {
    mutex.lock();
    mutex.unlock();
  };
}

/** A mutex beside another that so many tasks of this thread wait for. */
function besideWaiters(memory: Memory, waiters: number): () => unknown {
  const other = new Mutex(memory, 512);
  other.lock();
  for (let i = 0; i < waiters; i++) void other.acquire();
  const mutex = new Mutex(memory, 0);
  return () => {
    mutex.lock();
    mutex.unlock();
  };
}

/** A mutex that goes through the hands of so many waiting tasks: each once for a turn. */
function handOver(memory: Memory, waiters: number): () => Promise<unknown> {
  const mutex = new Mutex(memory, 0);
  const turn = async () => (await mutex.acquire()).release();
  // Always as many wait; one comes and one goes.
  let last: Promise<unknown> = Promise.resolve();
  for (let i = 0; i < waiters; i++) last = turn();
  let first = last;
  return async () => {
    const next = turn();
    await first;
    first = last;
    last = next;
  };
}

function prepare(subject: AloneSubject, memory: Memory): () => unknown {
  const mutex = new Mutex(memory, 0);
  switch (subject) {
    case "atomic add": {
      const counter = new AtomicCounter(memory, 256);
      return () => counter.add();
    }
    case "atomic fetchAdd": {
      const counter = new AtomicCounter(memory, 256);
      return () => counter.fetchAdd();
    }
    case "atomic add of 32 bits": {
      const { atomic } = memory;
      const at = memory.place(256, 4, 4);
      return () => atomic.add32(at, 1);
    }
    case "striped add": {
      const counter = new StripedCounter(memory, 256, 4);
      return () => counter.add();
    }
    case "mutex lock, unlock":
      return () => {
        mutex.lock();
        mutex.unlock();
      };
    case "mutex lock, increment, unlock": {
      const cell = cellOf(memory, 256);
      return () => {
        mutex.lock();
        cell[0]++;
        mutex.unlock();
      };
    }
    case "mutex guard by using":
      return () => {
        using _guard = mutex.acquireSync();
      };
    case "mutex guard by try, finally":
      return () => {
        const guard = mutex.acquireSync();
        try {
          return guard.token;
        } finally {
          guard.release();
        }
      };
    case "mutex, 1 in turn":
      return turns(1, 1);
    case "mutex, 64 of 8 segments in turn":
      return turns(8, 8);
    case "mutex among 1 cell":
      return among(1);
    case "mutex among 1,000 cells":
      return among(1000);
    case "mutex beside 10 waiting tasks":
      return besideWaiters(memory, 10);
    case "mutex beside 1,000 waiting tasks":
      return besideWaiters(memory, 1000);
    case "mutex acquire by a task":
      return async () => (await mutex.acquire()).release();
    case "mutex from task to task, 10 wait":
      return handOver(memory, 10);
    case "mutex from task to task, 1,000 wait":
      return handOver(memory, 1000);
    case "shared value += 1": {
      const value = new SharedValue(memory, 512);
      return () => value.value += 1;
    }
    case "segment open, close": {
      const kept = Segment.open("opened", { directory: folder });
      kept.mutex("jobs");
      return () => Segment.open("opened", { directory: folder }).close();
    }
    case "flock lock, unlock": {
      const lock = new FileLock(join(tmpdir(), `interlock-alone-${process.pid}.lock`));
      process.on("exit", () => rmSync(lock.path, { force: true }));
      return () => {
        lock.lock();
        lock.unlock();
      };
    }
  }
}

const [subject, kind] = process.argv.slice(2);
const memory = kind === "mapped"
  ? Memory.map(join(folder, "memory"), BYTES)
  : Memory.anonymous(BYTES);
const stats = await measure(prepare(subject as AloneSubject, memory), { min_cpu_time: CPU_NS });
console.log(JSON.stringify({ ns: stats.p50, min: stats.min, max: stats.max }));
process.exit();
