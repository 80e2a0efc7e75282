import type { RawLock } from "../../src/contract/mod.ts";
import { FileLock } from "../../src/files/mod.ts";
import { Memory, type MemoryHandle, Mutex, RwLock, Semaphore } from "../../src/memory/mod.ts";

/** How another thread opens the same lock; can be posted to it. */
export type SharedLock =
  | { readonly kind: "mutex"; readonly handle: MemoryHandle }
  | { readonly kind: "mapped-mutex"; readonly path: string }
  | { readonly kind: "rw-lock"; readonly source: MemoryHandle | string }
  | { readonly kind: "semaphore"; readonly source: MemoryHandle | string }
  | { readonly kind: "file-lock"; readonly path: string };

/** Opens a lock as another holder. */
export function openSharedLock(shared: SharedLock): { lock: RawLock; close(): void } {
  switch (shared.kind) {
    case "mutex":
      return { lock: new Mutex(Memory.from(shared.handle), 0), close: () => {} };
    case "mapped-mutex": {
      const memory = Memory.map(shared.path);
      return { lock: new Mutex(memory, 0), close: () => memory.close() };
    }
    case "rw-lock": {
      const memory = openMemory(shared.source);
      return { lock: new RwLock(memory, 0), close: () => memory.close() };
    }
    case "semaphore": {
      const memory = openMemory(shared.source);
      return { lock: permitLock(memory), close: () => memory.close() };
    }
    case "file-lock": {
      const lock = new FileLock(shared.path);
      return { lock, close: () => lock.close() };
    }
  }
}

function openMemory(source: MemoryHandle | string): Memory {
  return typeof source === "string" ? Memory.map(source) : Memory.from(source);
}

/** A semaphore of one permit, which is a lock by other names. */
export function permitLock(memory: Memory, offset = 0): RawLock {
  const semaphore = new Semaphore(memory, offset, { permits: 1 });
  return {
    lock: () => semaphore.waitSync(),
    unlock: () => semaphore.post(),
    runSync: (body) => semaphore.runSync(body),
    acquire: (options) => semaphore.acquire(options),
    acquireSync: (options) => semaphore.acquireSync(options),
    tryAcquire: (...options: []) => semaphore.tryAcquire(...options),
    owner: () => semaphore.owners()[0],
  };
}
