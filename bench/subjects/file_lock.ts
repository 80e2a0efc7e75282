import { openSync } from "node:fs";
import { join } from "node:path";
import { FileLock, type FileLockOptions } from "../../src/files/mod.ts";
import { peers } from "../launch.ts";
import {
  type BenchContext,
  claim,
  FEWER_SIZES,
  handOffs,
  HOLDS,
  on,
  type Subject,
} from "./subject.ts";

interface ProperLockfile {
  lock(path: string, options: { realpath: boolean }): Promise<() => Promise<void>>;
}

interface FsNativeExtensions {
  tryLock(fd: number): boolean;
  unlock(fd: number): void;
}

const open = ({ folder }: BenchContext, options?: FileLockOptions) =>
  new FileLock(join(folder, "lock"), options);
const locking = (options?: FileLockOptions) => on(["file"], (context) => open(context, options));
const lock = locking();
const byPackage = on(["file"], (context) => context);

const C = { by: "c" };
const PAIR = { operation: "lock, unlock", setting: "alone" } as const;

/** Locks on files. */
export const subject: Subject = {
  name: "file_lock",
  operations: [
    lock("lock, unlock", HOLDS.pair, { sizes: FEWER_SIZES }),
    lock("guard by using", HOLDS.byUsing),
    locking({ record: false })("guard by using, no record", HOLDS.byUsing),
    locking({ shared: true })("shared guard by using", HOLDS.byUsing),
    locking({ range: { start: 0, length: 1 } })("guard of a range by using", HOLDS.byUsing),
    lock("guard by try, finally", HOLDS.byFinally),
    lock("acquire, release", HOLDS.awaited),
    lock("acquire, release; each timed", HOLDS.awaited, { timed: true }),
    ...handOffs(["file"], open),
    byPackage("acquire, release", ({ folder, load }) => {
      const { lock } = load("proper-lockfile") as ProperLockfile;
      const path = join(folder, "proper");
      return async () => await (await lock(path, { realpath: false }))();
    }, { by: "proper-lockfile" }),
    byPackage("lock, unlock", ({ folder, load }) => {
      const { tryLock, unlock } = load("fs-native-extensions") as FsNativeExtensions;
      const fd = openSync(join(folder, "native"), "w+");
      return () => {
        if (!tryLock(fd)) throw new Error("The lock of fs-native-extensions was not free");
        unlock(fd);
      };
    }, { by: "fs-native-extensions" }),
  ],
  programs: [
    ...peers("c", "file", FEWER_SIZES, { "lock, unlock": "flock" }),
    ...peers("c", "file", "pair", { "hand-off": "flock" }),
    ...peers("python", "file", [1, 2, 4], { "lock, unlock": "file-lock" }),
  ],
  goals: [
    claim("FileLock's lock and unlock alone cost at most 1.3 times C's flock pair")
      .about({ ...PAIR, runtime: ["deno", "bun"] }).costs(1.3, C),
    claim("FileLock's lock and unlock alone cost at most 1.5 times C's flock pair")
      .about({ ...PAIR, runtime: "node" }).costs(1.5, C),
    claim("FileLock's acquire and release take at most 10 µs")
      .about({ operation: "acquire, release" }).takes(10_000),
    claim("FileLock's acquire and release are at least 20 times faster than proper-lockfile's")
      .about({ operation: "acquire, release" }).isFaster(20, { by: "proper-lockfile" }),
    claim("A file lock is handed over in at most 2 times C's time")
      .about({ operation: "hand-off" }).costs(2, C),
  ],
};
