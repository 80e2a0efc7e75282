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
  RawValue,
  SharedValue,
  StripedCounter,
} from "../mod.ts";
import type { AloneSubject } from "./alone_subjects.ts";

const BYTES = 4096;
const CPU_NS = 250e6;

const folder = mkdtempSync(join("/dev/shm", "interlock-alone-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function prepare(subject: AloneSubject, memory: Memory): () => unknown {
  const mutex = new Mutex(memory, 0);
  const raw = new RawValue(memory, 128);
  switch (subject) {
    case "atomic add": {
      const counter = new AtomicCounter(memory, 0);
      return () => counter.add();
    }
    case "striped add": {
      const counter = new StripedCounter(memory, 0, 4);
      return () => counter.add();
    }
    case "mutex lock, unlock":
      return () => {
        mutex.lock();
        mutex.unlock();
      };
    case "mutex guard by using":
      return () => {
        using _guard = mutex.acquireSync();
      };
    case "raw value += 1 under mutex":
      return () => {
        mutex.lock();
        try {
          raw.value += 1;
        } finally {
          mutex.unlock();
        }
      };
    case "shared value += 1": {
      const value = new SharedValue(memory, 0);
      return () => value.value += 1;
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
