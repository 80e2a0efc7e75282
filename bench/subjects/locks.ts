import { Segment } from "../../src/memory/mod.ts";
import { claim, on, type Subject } from "./subject.ts";

/** What the runtime's own manager and ours have in common. */
interface Locks {
  request<T>(name: string, callback: () => T): Promise<unknown>;
}

const REQUEST = "request, callback";

/** A request of a lock that no other thread wants, with a callback that does nothing. */
const request = (locks: Locks) => () => locks.request("jobs", () => {});

const inNamed = on(
  ["mapped"],
  ({ fast }): Locks => Segment.open("requested", { directory: fast }).locks,
);
const byRuntime = on(
  ["none"],
  (): Locks => (globalThis as unknown as { navigator: { locks: Locks } }).navigator.locks,
);
/** Bun has none. */
const OWN = { by: "navigator.locks", runtimes: ["deno", "node"] } as const;

/** The locks of a segment by names, and those of the runtimes, which are for one process. */
export const subject: Subject = {
  name: "locks",
  operations: [
    inNamed(REQUEST, request),
    byRuntime(REQUEST, request, OWN),
  ],
  goals: [
    claim("A request of segment.locks is at least 5 times as fast as of navigator.locks")
      .about({ operation: REQUEST, medium: "mapped" })
      .isFaster(5, { by: "navigator.locks", medium: "none" }),
  ],
};
