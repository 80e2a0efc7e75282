import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { withLock } from "../../src/contract/mod.ts";
import { Children, commandOf } from "../../src/host/children.ts";
import { regionOf } from "../../src/memory/memory.ts";
import { Mutex } from "../../src/memory/mod.ts";
import { peers } from "../launch.ts";
import { median } from "../statistics.ts";
import {
  type BenchContext,
  claim,
  type Figure,
  handOffs,
  HOLDS,
  type Launch,
  MEMORY,
  on,
  type Program,
  SIZES,
  type Subject,
} from "./subject.ts";

const open = ({ memory, offset }: BenchContext) => new Mutex(memory, offset);
const alone = on(MEMORY, open);
/** A mutex and an integer for its holder. */
const guarding = on(MEMORY, (context) => {
  const region = regionOf(context.memory);
  const at = region.resolve(context.offset + Mutex.BYTES, 4, 4);
  return { mutex: open(context), cell: new Int32Array(region.buffer, at, 1) };
});

const INCREMENT = { operation: "lock, increment, unlock", medium: "mapped" } as const;
const CONTENDED = { ...INCREMENT, setting: "processes", count: [2, 4, 16] } as const;

const LOCKING = new URL("../programs/locking.ts", import.meta.url);
const CLI = new URL("../../cli/main.ts", import.meta.url);
/** Twenty looks a second, where people have one. */
const WATCH = ["--watch", "--json", "--interval", "0.05"];
/** How often a program measures, and for how many milliseconds. */
const [WINDOWS, WINDOW] = [5, 50];
const WATCHED = "lock, increment, unlock; watched by interlock inspect";
const UNWATCHED = "lock, increment, unlock; by a program of its own";

/** Measures a mutex in a program of its own, while another one watches its segment or not. */
async function pairs({ row, runtime, site, signal }: Launch): Promise<Figure> {
  await using children = new Children(signal);
  const locking = children.start<number>({
    runtime,
    what: "the user of a mutex",
    program: LOCKING,
    args: [site.fast, `${WINDOW}`],
    imports: false,
    duty: "measured",
  });
  await locking.next();
  const watching = row.operation === WATCHED
    ? await watch(`${site.fast}/watched`, runtime)
    : undefined;
  try {
    const all: number[] = [];
    while (all.length < WINDOWS) {
      locking.tell("go");
      all.push(await locking.next());
    }
    return { ns: median(all) };
  } finally {
    watching?.kill("SIGKILL");
  }
}

/** Starts to watch the file of a segment; resolves after the first look. */
async function watch(path: string, runtime: Launch["runtime"]): Promise<ChildProcess> {
  const [command, ...args] = commandOf(runtime, CLI, true, "inspect", path, ...WATCH);
  const watching = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  await once(watching.stdout, "data");
  watching.stdout.resume();
  return watching;
}

const watched = (name: string): Program => ({
  name,
  inEach: true,
  medium: "mapped",
  ms: () => 650 + WINDOWS * WINDOW,
  measure: pairs,
});

/** The mutex in shared memory, and the futex that it sleeps on. */
export const subject: Subject = {
  name: "mutex",
  operations: [
    alone("lock, unlock", HOLDS.pair),
    guarding(INCREMENT.operation, ({ mutex, cell }) => () => {
      mutex.lock();
      cell[0]++;
      mutex.unlock();
    }, { sizes: SIZES, read: ({ cell }) => cell[0] }),
    alone("guard by using", HOLDS.byUsing),
    alone("guard by try, finally", HOLDS.byFinally),
    alone("tryAcquire, release", (mutex) => () => mutex.tryAcquire()!.release()),
    alone("withLock", (mutex) => () => withLock(mutex, () => {})),
    ...handOffs(["mapped"], open),
    {
      name: "wake-up",
      media: ["mapped"],
      relay: ({ memory, offset, worker }) => {
        const region = regionOf(memory);
        const { atomics } = region;
        const at = region.resolve(offset, 4, 4);
        return {
          lock() {
            while (atomics.load32(at) !== worker) region.wait(at, 1 - worker);
          },
          unlock() {
            atomics.store32(at, 1 - worker);
            region.wake(at, 1);
          },
        };
      },
    },
  ],
  programs: [
    watched(WATCHED),
    watched(UNWATCHED),
    ...peers("c", "mapped", SIZES, {
      "lock, increment, unlock": "robust-mutex",
      "lock, increment, unlock; not robust": "mutex",
      "semaphore: wait, increment, post": "semaphore",
    }),
    ...peers("c", "mapped", [2, 4, 16], { "barrier": "barrier" }),
    ...peers("c", "mapped", "pair", { "hand-off": "robust-mutex", "wake-up": "wake-up" }),
  ],
  goals: [
    claim("A mutex around an increment, alone, costs no more than C's robust one")
      .about({ ...INCREMENT, setting: "alone" }).costs(1, { by: "c" }),
    claim("A mutex of several processes costs at most 0.6 times C's robust one")
      .about(CONTENDED).costs(0.6, { by: "c" }),
    claim("A mutex of several processes costs no more than C's plain one")
      .about(CONTENDED)
      .costs(1, { by: "c", operation: "lock, increment, unlock; not robust" }),
    claim("A mutex of 64 processes costs at most 2.5 times C's robust one")
      .about({ ...INCREMENT, setting: "processes", count: 64 }).costs(2.5, { by: "c" }),
    claim("A mutex of 64 workers costs at most 2.5 times C's robust one of 64 processes")
      .about({ ...INCREMENT, medium: "anonymous", setting: "workers", count: 64 })
      .costs(2.5, { by: "c", medium: "mapped", setting: "processes" }),
    claim("A mutex is handed to a task in at most twice the time of a thread")
      .about({ operation: "hand-off to a task" }).costs(2, { operation: "hand-off" }),
    claim("All but one in a thousand hand-offs of a mutex take at most twice C's time")
      .about({ operation: "hand-off" }).costs(2, { by: "c" }, "p999"),
    claim("A mutex costs at most a tenth more while interlock inspect watches its segment")
      .about({ operation: WATCHED }).costs(1.1, { operation: UNWATCHED }),
    claim("A thread is woken in at most 1.5 times C's time")
      .about({ operation: "wake-up" }).costs(1.5, { by: "c" }),
  ],
};
