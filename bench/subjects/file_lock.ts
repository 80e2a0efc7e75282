import { openSync } from "node:fs";
import { join } from "node:path";
import { FileLock, type FileLockOptions } from "../../src/files/mod.ts";
import { type BenchContext, type Goal, minor, type Operation, type Subject } from "./subject.ts";

interface ProperLockfile {
  lock(path: string, options: { realpath: boolean }): Promise<() => Promise<void>>;
}

interface FsNativeExtensions {
  tryLock(fd: number): boolean;
  unlock(fd: number): void;
}

const open = ({ folder }: BenchContext, options?: FileLockOptions) =>
  new FileLock(join(folder, "lock"), options);

function guard(name: string, options?: FileLockOptions): Operation {
  return {
    name,
    media: ["file"],
    alone: (context) => {
      const lock = open(context, options);
      return () => {
        using _guard = lock.acquireSync();
      };
    },
  };
}

/** Locks on files. */
export const subject: Subject = {
  name: "file_lock",
  operations: [
    {
      name: "lock, unlock",
      media: ["file"],
      alone: (context) => {
        const lock = open(context);
        return () => {
          lock.lock();
          lock.unlock();
        };
      },
      together: (context) => {
        const lock = open(context);
        return {
          run(times) {
            for (let i = 0; i < times; i++) {
              lock.lock();
              lock.unlock();
            }
          },
        };
      },
    },
    guard("guard by using"),
    guard("guard by using, no record", { record: false }),
    minor(guard("shared guard by using", { shared: true })),
    minor(guard("guard of a range by using", { range: { start: 0, length: 1 } })),
    {
      name: "guard by try, finally",
      media: ["file"],
      alone: (context) => {
        const lock = open(context);
        return () => {
          const guard = lock.acquireSync();
          try {
            return guard.token;
          } finally {
            guard.release();
          }
        };
      },
    },
    {
      name: "acquire, release",
      media: ["file"],
      alone: (context) => {
        const lock = open(context);
        return async () => (await lock.acquire()).release();
      },
    },
    {
      name: "acquire, release; each timed",
      media: ["file"],
      timed: true,
      alone: (context) => {
        const lock = open(context);
        return async () => (await lock.acquire()).release();
      },
    },
    { name: "hand-over", media: ["file"], relay: (context) => open(context) },
    {
      name: "hand-over to a task",
      media: ["file"],
      relay: (context) => {
        const lock = open(context);
        let release = () => {};
        return {
          async lock() {
            const guard = await lock.acquire();
            release = () => guard.release();
          },
          unlock: () => release(),
        };
      },
    },
    {
      name: "acquire, release",
      by: "proper-lockfile",
      media: ["file"],
      alone: ({ folder, load }) => {
        const { lock } = load("proper-lockfile") as ProperLockfile;
        const path = join(folder, "proper");
        return async () => await (await lock(path, { realpath: false }))();
      },
    },
    {
      name: "lock, unlock",
      by: "fs-native-extensions",
      media: ["file"],
      alone: ({ folder, load }) => {
        const { tryLock, unlock } = load("fs-native-extensions") as FsNativeExtensions;
        const fd = openSync(join(folder, "native"), "w+");
        return () => {
          if (!tryLock(fd)) throw new Error("The lock of fs-native-extensions was not free");
          unlock(fd);
        };
      },
    },
  ],
  programs: [
    { by: "c", program: "flock", name: "lock, unlock", medium: "file", sizes: [1, 2, 4, 16, 64] },
    { by: "c", program: "flock", name: "hand-over", medium: "file", sizes: "relay" },
    {
      by: "python",
      program: "file-lock",
      name: "lock, unlock",
      medium: "file",
      sizes: [1, 2, 4],
      needs: "fasteners",
    },
  ],
  goals: [
    ...(["deno", "bun", "node"] as const).map((runtime): Goal => {
      const goal = runtime === "node" ? 1.5 : 1.3;
      return {
        claim: `FileLock's lock and unlock alone cost at most ${goal} times C's flock pair`,
        kind: "at most times",
        goal,
        row: { operation: "lock, unlock", setting: "alone", runtime },
        of: { by: "c" },
      };
    }),
    {
      claim: "FileLock's acquire and release take at most 10 µs",
      kind: "at most ns",
      goal: 10_000,
      row: { operation: "acquire, release" },
    },
    {
      claim: "FileLock's acquire and release are at least 20 times faster than proper-lockfile's",
      kind: "at least times faster",
      goal: 20,
      row: { operation: "acquire, release" },
      of: { by: "proper-lockfile" },
    },
    {
      claim: "A file lock is handed over in at most 2 times C's time",
      kind: "at most times",
      goal: 2,
      row: { operation: "hand-over" },
      of: { by: "c" },
    },
  ],
};
