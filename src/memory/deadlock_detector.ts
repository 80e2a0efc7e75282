import { DeadlockError } from "../contract/errors.ts";
import { hooks } from "../contract/lock_events.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import { emitWarning } from "../runtime/adapters/process_warning.ts";
import type { Attachment } from "./attachment.ts";
import { type Holders, LockHolders } from "./lock_holders.ts";
import { type Link, linksOf } from "./lock_chains.ts";
import { placeOf } from "./lock_places.ts";
import type { FullWait } from "./wait_records.ts";
import type { WaitWatch, WaitWatcher } from "./wait_watch.ts";

/** When a wait is looked at first, and how often from then on, in milliseconds. */
const [FIRST_LOOK, INTERVAL] = [10, 20];
/** For how many milliseconds each thread of a cycle waits for those with greater identities to fail. */
const TURN = 250;
/** For how many milliseconds what may be a cycle must last to be reported. */
const SUSPICIOUS = 1000;

/** A wait as a part of the graph of waits. */
interface Node extends Omit<FullWait, "held"> {
  readonly identity: number;
  /** The locks that its task keeps until the wait ends; a blocked thread keeps all. */
  readonly keeps: readonly number[];
  /** The threads that it waits for; `undefined` if it is not known to wait for any. */
  readonly holders: Holders | undefined;
}

/**
 * How sure it is that the wait never ends:
 *
 * - `certain`: each wait of the cycle blocks its thread, or is of the task that took the hold
 * - `timed`: the same, but one of the waits may end by itself
 * - `possible`: a thread of the cycle waits by a task, and another one of its tasks may go on
 */
type Certainty = "certain" | "timed" | "possible";

interface Cycle {
  readonly certainty: Certainty;
  readonly nodes: readonly Node[];
  /** All that was read: if it is the same twice, it was so at one moment in between. */
  readonly text: string;
}

/**
 * Finds cycles of threads that wait for each other, in the records of waits and the words of the
 * locks. Only waiters look, now and then, once they have slept; nothing is written.
 *
 * A wait is stuck if what it waits for is held by threads that are stuck: the holder of a mutex, all
 * holders of a semaphore, one reader for which a writer waits. A holder is stuck if its thread is
 * blocked by a wait that is stuck, or if the task that took the hold waits so. What is not known is
 * never stuck: a wait for something that is no lock, a thread that waits for what it seems to hold
 * itself (it may have acquired it just now), a word that names no holder.
 */
export class DeadlockDetector implements WaitWatcher {
  readonly #attachment: Attachment;
  readonly #locks: LockHolders;

  /** What finds the cycles in a memory. */
  constructor(attachment: Attachment) {
    this.#attachment = attachment;
    this.#locks = new LockHolders(attachment);
  }

  watch(at: number, isBlocked: boolean, isTimed: boolean): WaitWatch {
    return new DeadlockWatch(this, this.#attachment, { at, isBlocked, isTimed });
  }

  /** The cycle that a wait is a part of, if there is one. */
  find(start: FullWait, keeps: readonly number[]): Cycle | undefined {
    const { identity } = this.#attachment;
    const first = this.#nodeOf(identity, start, keeps, true);
    const nodes = this.#reachable(first);
    const text = nodes.map(({ identity, offset, since, isTimed, keeps, holders }) =>
      [identity, offset, since, isTimed, keeps, holders?.identities].join(" ")
    ).join("\n");
    for (const certainty of ["certain", "timed", "possible"] as const) {
      const cycle = this.#cycleIn(nodes, first, certainty);
      if (cycle !== undefined) return { certainty, nodes: cycle, text };
    }
    return undefined;
  }

  /** Describes a cycle: of each thread, its wait, since when, and the locks that others wait for. */
  describe({ nodes }: Cycle): string {
    const { region } = this.#attachment;
    return nodes.map((node) => {
      const held = nodes.flatMap(({ holders }) =>
        holders?.identities.includes(node.identity) ? [this.#locks.nameOf(holders.lock)] : []
      );
      const places = nodes.flatMap(({ holders }) => {
        const place = holders !== undefined && node.identity === this.#attachment.identity
          ? placeOf(region, holders.lock)
          : undefined;
        return place === undefined || !holders?.identities.includes(node.identity)
          ? []
          : [`, which it acquired ${place}`];
      });
      const how = node.isBlocked ? "" : ", by a task,";
      return `  ${describeOwner(this.ownerOf(node))} waits${how} for ` +
        `${this.#locks.nameOf(node.offset)} since ${region.dateOf(node.since).toISOString()}` +
        (node.isTimed ? " (this wait may end by itself)" : "") +
        `, and holds ${[...new Set(held)].join(" and ")}${[...new Set(places)].join("")}`;
    }).join("\n");
  }

  /** The thread of a wait. */
  ownerOf({ identity }: Node): Owner {
    return this.#attachment.threads.describe(identity) ?? { pid: 0 };
  }

  /** Whether a thread of a cycle is dead: its locks are recovered. */
  hasDead({ nodes }: Cycle): boolean {
    const { threads, identity: me } = this.#attachment;
    return nodes.some(({ identity }) => identity !== me && threads.isGone(identity));
  }

  #nodeOf(
    identity: number,
    { held: _, ...wait }: FullWait,
    keeps: readonly number[],
    isOwn: boolean,
  ): Node {
    const blocked = wait.isBlocked && !isOwn ? identity : undefined;
    const holders = wait.kind === "lock" ? this.#locks.of(wait.offset, blocked) : undefined;
    return { ...wait, identity, keeps, holders };
  }

  /** The waits that a wait depends on, itself first. */
  #reachable(first: Node): Node[] {
    const nodes = [first];
    const seen = new Set<number>();
    for (const { holders } of nodes) {
      for (const identity of holders?.identities ?? []) {
        if (seen.has(identity)) continue;
        seen.add(identity);
        const isMine = identity === first.identity;
        if (isMine && first.isBlocked) continue;
        const waits = this.#attachment.threads.waitsOf(identity);
        const blocked = waits.filter(({ isBlocked }) => isBlocked);
        for (const wait of blocked.length > 0 ? blocked : waits) {
          if (isMine && wait.offset === first.offset) continue;
          const keeps = wait.held === undefined ? [] : [wait.held];
          nodes.push(this.#nodeOf(identity, wait, keeps, false));
        }
      }
    }
    return nodes;
  }

  /** The waits that are stuck and lead to the first one, if it leads back to itself. */
  #cycleIn(nodes: readonly Node[], first: Node, certainty: Certainty): Node[] | undefined {
    let stuck = new Set(
      nodes.filter(({ holders, isTimed }) =>
        holders !== undefined && (certainty !== "certain" || !isTimed)
      ),
    );
    const blockersOf = ({ holders, identity: waiter }: Node, holder: number): Node[] =>
      [...stuck].filter((node) =>
        node.identity === holder && (
          node.isBlocked ||
          (certainty === "possible" ? holder !== waiter : isKept(node, holders!))
        )
      );
    const isStuck = (node: Node) => {
      const isBlocked = (holder: number) => blockersOf(node, holder).length > 0;
      const { identities, isEveryNeeded } = node.holders!;
      return isEveryNeeded ? identities.some(isBlocked) : identities.every(isBlocked);
    };
    for (let before = -1; before !== stuck.size;) {
      before = stuck.size;
      stuck = new Set([...stuck].filter(isStuck));
    }
    if (!stuck.has(first)) return undefined;
    const next = new Map([...stuck].map((node) => [
      node,
      node.holders!.identities.flatMap((holder) => blockersOf(node, holder)),
    ]));
    const leadsBack = (from: Node) => {
      const seen = new Set(next.get(from));
      for (const node of seen) for (const after of next.get(node)!) seen.add(after);
      return seen.has(first);
    };
    const reached = new Set([first]);
    for (const node of reached) for (const after of next.get(node)!) reached.add(after);
    const cycle = [...reached].filter(leadsBack);
    return cycle.includes(first) ? cycle : undefined;
  }
}

/** Whether the task of a wait keeps a lock until the wait ends. */
function isKept({ keeps, identity }: Node, { lock, identities }: Holders): boolean {
  // Of several permits of one thread, its other tasks may have some.
  return keeps.includes(lock) && identities.filter((one) => one === identity).length === 1;
}

/** Looks after one wait: fails it if it can never end, and reports what may be a deadlock. */
class DeadlockWatch implements WaitWatch {
  readonly held: number | undefined;
  readonly #detector: DeadlockDetector;
  readonly #attachment: Attachment;
  readonly #start: FullWait;
  /** The bodies of locks that the task of the wait is in. */
  readonly #links: readonly Link[];
  readonly #at: number;
  #next: number;
  #text: string | undefined;
  #since = 0;
  #reported: Certainty | undefined;

  constructor(
    detector: DeadlockDetector,
    attachment: Attachment,
    { at, isBlocked, isTimed }: { at: number; isBlocked: boolean; isTimed: boolean },
  ) {
    const { region } = attachment;
    this.#detector = detector;
    this.#attachment = attachment;
    this.#at = at;
    this.#links = isBlocked ? [] : linksOf(attachment);
    this.held = this.#links[0]?.offset;
    this.#start = {
      offset: at - region.resolve(0, 0, 1),
      kind: "lock",
      isTimed,
      isBlocked,
      since: region.now(),
    };
    this.#next = performance.now() + FIRST_LOOK;
  }

  look(): void {
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + INTERVAL;
    const { offset, kind, isTimed } = this.#start;
    if (this.held !== undefined && this.#links[0].isOver) {
      this.#attachment.waitRecords!.change(this.#at, { kind, isTimed });
    }
    const cycle = this.#detector.find(
      this.#start,
      // The task may have left some of them since.
      this.#links.filter(({ isOver }) => !isOver).map(({ offset }) => offset),
    );
    if (cycle === undefined || cycle.text !== this.#text) {
      this.#text = cycle?.text;
      this.#since = now;
      return;
    }
    const time = now - this.#since;
    const { certainty, nodes } = cycle;
    const mine = this.#attachment.identity;
    // One of them fails: the others wait for their turns. It may be a thread that does not look.
    const before = new Set(
      nodes.map(({ identity }) => identity).filter((identity) => identity > mine),
    ).size;
    if (certainty === "certain" && time < before * TURN) return;
    if (certainty === "possible" && time < SUSPICIOUS) return;
    if (certainty === this.#reported || this.#detector.hasDead(cycle)) return;
    if (certainty === "certain") {
      this.#leave(); // First, so that no other thread of the cycle fails as well.
      throw this.#errorOf(cycle);
    }
    this.#reported = certainty;
    report(this.#attachment, offset, this.#errorOf(cycle));
  }

  /** Ends the record of the wait, as far as it is one of a wait without an end. */
  #leave(): void {
    const { kind, isBlocked } = this.#start;
    const records = this.#attachment.waitRecords!;
    if (isBlocked) records.unblock();
    else records.change(this.#at, { kind, isTimed: true });
  }

  #errorOf(cycle: Cycle): DeadlockError {
    const end = {
      certain: "these threads wait for each other, and none of the waits would end",
      timed: "these threads wait for each other, until one of the waits ends by itself",
      possible: "these threads may wait for each other, unless another task of one goes on",
    }[cycle.certainty];
    const owners = cycle.nodes.map((node) => this.#detector.ownerOf(node));
    return new DeadlockError(
      `Cannot wait for a lock: ${end}:\n${this.#detector.describe(cycle)}`,
      { owners },
    );
  }
}

function report({ region }: Attachment, offset: number, error: DeadlockError): void {
  hooks.publish?.("deadlock", () => ({
    medium: "memory",
    name: undefined,
    segment: region.file?.path,
    offset,
    error,
  }));
  emitWarning(error.message, "DeadlockWarning");
}
