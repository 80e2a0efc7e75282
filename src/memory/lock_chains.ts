import type { Guard } from "../contract/guard.ts";
import { lockBodies } from "../contract/lock_bodies.ts";
import { adapter } from "../runtime/adapters/adapter.ts";
import { type AsyncStore, asyncStore } from "../runtime/adapters/async_store.ts";
import type { Attachment } from "./attachment.ts";

/** A lock that the body of an outer `withLock` holds until all it waits for is over. */
export interface Link {
  readonly attachment: Attachment;
  readonly offset: number;
  /** Whether the body is over, or has released the lock: a task that it made may go on. */
  readonly isOver: boolean;
  readonly outer: Link | undefined;
}

let store: AsyncStore<Link> | undefined;
/** Where the locks are that this thread has opened in segments that detect deadlocks. */
const places = new WeakMap<object, { attachment: Attachment; offset: number }>();

/** Lets the bodies of a lock be known to what they wait for. */
export function noteChains(lock: object, attachment: Attachment, offset: number): void {
  if (adapter.platform === "browser") return; // It has no store: cycles of tasks are only reported.
  store ??= asyncStore<Link>();
  lockBodies.run ??= runInside;
  places.set(lock, { attachment, offset });
}

/** The bodies of locks of a memory that the task that calls this is in, the innermost first. */
export function linksOf({ region: { id } }: Attachment): Link[] {
  const links: Link[] = [];
  for (let link = store?.getStore(); link !== undefined; link = link.outer) {
    if (!link.isOver && link.attachment.region.id === id) links.push(link);
  }
  return links;
}

function runInside<T>(
  lock: unknown,
  guard: unknown,
  body: () => T | Promise<T>,
): T | Promise<T> {
  const place = places.get(lock as object);
  if (place === undefined) return body();
  let isOver = false;
  const link: Link = {
    ...place,
    get isOver() {
      return isOver || !(guard as Guard).held;
    },
    outer: store!.getStore(),
  };
  const end = () => {
    isOver = true;
    place.attachment.waitRecords?.forget(place.offset);
  };
  let isPending = false;
  try {
    const result = store!.run(link, body);
    if (!(result instanceof Promise)) return result;
    isPending = true;
    return result.finally(end);
  } finally {
    if (!isPending) end();
  }
}
