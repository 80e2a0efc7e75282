import { FileLock } from "../../files/file_lock.ts";
import { TextFile } from "../text_file.ts";
import type { Counting, CountingContext } from "./strategy.ts";

/** A number in a text file, read and rewritten without a lock. */
export function file({ file, onError }: CountingContext): Counting {
  const text = new TextFile(file, onError);
  return {
    count(times) {
      for (let i = 0; i < times; i++) text.increment();
    },
    read: () => text.read(),
  };
}

/** The same under a file lock, held for each increment or for all increments of a worker. */
export function fileLock(context: CountingContext): Counting {
  const bare = file(context);
  const lock = new FileLock(`${context.file}.lock`);
  if (context.granularity === "call") return { ...bare, around: lock };
  return {
    count(times) {
      for (let i = 0; i < times; i++) {
        lock.lock();
        try {
          bare.count(1);
        } finally {
          lock.unlock();
        }
      }
    },
    read: bare.read,
  };
}
