import { hooks, type LockEvent, type LockEventName, tellWait } from "../contract/lock_events.ts";
import { Directory } from "./directory.ts";
import { HEADER } from "./layout.ts";
import type { Region } from "./region.ts";

/** The names of the things in memories, as far as they were looked up, by their offsets. */
const names = new WeakMap<Region, Map<number, string>>();

/** Tells what happened to the lock `at`, if a program listens. */
export function tellMutex(
  what: LockEventName,
  region: Region,
  at: number,
  more?: () => Partial<LockEvent>,
): void {
  hooks.publish?.(what, () => ({ ...eventOf(region, at), ...more?.() }));
}

/** Tells that a wait for the lock `at` begins; returns what tells of its success, if any. */
export function tellMutexWait(region: Region, at: number): (() => void) | undefined {
  return hooks.publish && tellWait(() => eventOf(region, at));
}

function eventOf(region: Region, at: number): LockEvent {
  const offset = at - region.base - HEADER.end;
  return { medium: "memory", name: nameOf(region, offset), segment: region.file?.path, offset };
}

/** The name of the thing at an offset; `undefined` if a program has placed it there. */
function nameOf(region: Region, offset: number): string | undefined {
  const known = names.get(region)?.get(offset);
  if (known !== undefined) return known;
  try {
    const entries = [...new Directory({ region }, "a memory").entries()];
    names.set(region, new Map(entries.map((entry) => [entry.offset, entry.name])));
  } catch {
    return undefined; // The directory is damaged, or the memory was closed.
  }
  return names.get(region)!.get(offset);
}
