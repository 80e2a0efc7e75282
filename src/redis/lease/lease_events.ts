import { hooks, type LockEvent } from "../../contract/lock_events.ts";
import type { Grant } from "./attempt.ts";
import { ownerIn } from "./holder_value.ts";

/** What an event says of a lock or a semaphore. */
export function eventOf(name: string): LockEvent {
  return { medium: "redis", name };
}

/** Tells that a server has granted a lock, and which holder had not released it. */
export function tellGrant(name: string, { previous }: Grant, waited: number): void {
  hooks.publish?.("acquire", () => ({ ...eventOf(name), waited }));
  if (previous === undefined) return;
  hooks.publish?.("recovered", () => ({ ...eventOf(name), previousOwner: ownerIn(previous) }));
}
