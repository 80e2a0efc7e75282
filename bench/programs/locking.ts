/**
 * Measures a mutex of a segment: `locking.ts FOLDER MS`. Tells when it is ready. After each line of
 * input, it acquires the mutex, increments a number and releases it for so many milliseconds, and
 * tells the nanoseconds of processor time that this took each time: a program that runs beside this
 * one may take a core from it, which does not concern the mutex.
 *
 * @module
 */
import process from "node:process";
import { dieWith } from "../../src/counting/host.ts";
import { messageLine } from "../../src/host/message.ts";
import { Segment } from "../../src/memory/mod.ts";

/** How often to lock between two looks at the clock. */
const BATCH = 1000;

dieWith(process.ppid);
const [directory, ms] = process.argv.slice(2);
const segment = Segment.open("watched", { directory });
const mutex = segment.mutex("lock");
const number = segment.rawValue("number");

function measure(): number {
  const start = process.cpuUsage();
  const end = performance.now() + Number(ms);
  let count = 0;
  do {
    for (let i = 0; i < BATCH; i++) {
      mutex.lock();
      number.value++;
      mutex.unlock();
    }
    count += BATCH;
  } while (performance.now() < end);
  const { user, system } = process.cpuUsage(start);
  return 1000 * (user + system) / count;
}

const tell = (value: number) => console.log(messageLine(value).trimEnd());

for (let i = 0; i < 3; i++) measure(); // Warms up.
tell(measure());
process.stdin.on("data", () => tell(measure()));
