import type { Owner } from "../contract/owner.ts";
import type { AtomicOperations } from "./atomic_operations.ts";
import { elementOf, type ElementType } from "./element.ts";
import { CLOSED } from "./channel_end.ts";
import {
  ARRIVED,
  BARRIER,
  CHANNEL,
  CHANNEL_END,
  LATCH,
  MUTEX,
  ONCE,
  RW_LOCK,
  SEMAPHORE,
} from "./layout.ts";
import { leastHoldTime, OWNER } from "./lock_words.ts";
import type { Region } from "./region.ts";

/** The line after which the contents of a thing with a lock begin; stripes are as far apart. */
const LINE = 128;
/** How many elements of an array are read. */
const MOST_ELEMENTS = 8;
const INCONSISTENT = 0x80000000 | 0;

/** A number, a truth value, or the first elements of an array. */
export type InspectedValue = number | bigint | boolean | readonly (number | bigint)[];

/** A thread that holds a lock, or a part of it. */
export interface InspectedHolder {
  /** `undefined` if the memory does not know the thread. */
  readonly owner: Owner | undefined;
  /** Whether it is dead for certain: the next waiter takes over what it holds. */
  readonly isGone: boolean;
  /** Of a semaphore: how many permits it holds. */
  readonly permits?: number;
  /**
   * Of a read-write lock. A `next writer` has the turn to write: it waits for the readers to leave,
   * or reads and can be upgraded.
   */
  readonly role?: "reader" | "next writer" | "writer";
}

/** The lock of a named thing: a mutex, a semaphore or a read-write lock. */
export interface InspectedLock {
  /** `dead` if all its holders are dead for certain: the next waiter recovers it. */
  readonly state: "free" | "held" | "dead";
  /** The threads that hold it. A reader that died is not among them: it keeps no thread out. */
  readonly holders: readonly InspectedHolder[];
  /** Of a semaphore: how many permits there are. */
  readonly permits?: number;
  /** For how many milliseconds it has been held, at least; `undefined` if it has no waiter. */
  readonly heldFor?: number;
  /** The last fencing token; 0 before the first guard. */
  readonly token: number | bigint;
  /**
   * `recovered` if an owner died and no later holder has acknowledged that; `inconsistent` if a
   * holder marked the contents so. A semaphore protects no contents.
   */
  readonly contents?: "consistent" | "recovered" | "inconsistent";
  /** The owner that died or marked the contents. */
  readonly diedOwner?: Owner;
}

/** What is shown of a named thing. */
export interface InspectedContents extends Partial<InspectedLock> {
  /**
   * What it contains; of a latch, how often it must still be counted down; of a channel, how many
   * messages wait; of a barrier, how many have arrived; of a value that is made once, whether it was
   * made. `undefined` for a lock, a record, or a kind this program lacks.
   */
  readonly value?: InspectedValue;
}

/** The memory that is inspected. */
export interface Inspection {
  readonly region: Region;
  /** What is known of a thread. */
  threadOf(identity: number): { readonly owner: Owner; readonly isGone: boolean } | undefined;
  /** The threads that read under the lock at an offset of the buffer, without dead ones. */
  readersOf(at: number): readonly number[];
}

/** A named thing: where it is in the buffer, its bytes, and the words and numbers of its kind. */
interface Thing {
  readonly at: number;
  readonly size: number;
  readonly parts: readonly string[];
}

type Read = (inspection: Inspection, thing: Thing) => InspectedContents;

/** All kinds of named things, and what is shown of each. */
const KINDS: readonly (readonly [shape: RegExp, read: Read])[] = [
  [/^counter$/, ({ region: { atomics } }, { at }) => ({ value: wholeAt(atomics, at) })],
  [/^striped counter (\d+)$/, stripes],
  [/^flag$/, ({ region: { atomics } }, { at }) => ({ value: (atomics.load32(at) & 1) !== 0 })],
  [/^latch (\d+)$/, latch],
  [/^raw (?:value|array) (\w+)(?: (\d+))?$/, (inspection, thing) => elements(inspection, thing, 0)],
  [/^(?:value|array) (\w+)(?: (\d+))?$/, (inspection, thing) => ({
    ...elements(inspection, thing, LINE),
    ...mutex(inspection, thing),
  })],
  [/^(?:mutex$|record |seqlock record )/, mutex],
  [/^semaphore (\d+)$/, semaphore],
  [/^rwlock$/, rwLock],
  [/^channel (\d+) \d+$/, channel],
  [/^barrier \d+$/, barrier],
  [/^once \d+$/, once],
];

/** Returns what reads things of a kind; nothing is known of a kind that this program lacks. */
export function readerOf(
  shape: string,
): (inspection: Inspection, at: number, size: number) => InspectedContents {
  for (const [pattern, read] of KINDS) {
    const parts = pattern.exec(shape)?.slice(1);
    if (parts === undefined) continue;
    return (inspection, at, size) => {
      const lines = Math.ceil(size / LINE); // Of which a thing has at least one; else it is damaged.
      return lines === 0 ? {} : read(inspection, { at, size: lines * LINE, parts });
    };
  }
  return () => ({});
}

function stripes({ region: { atomics } }: Inspection, { at, size, parts }: Thing) {
  const count = Number(parts[0]);
  if (count * LINE > size) return {};
  let sum = 0n;
  for (let i = 0; i < count; i++) sum += atomics.loadBigInt64(at + i * LINE);
  return { value: whole(sum) };
}

function latch({ region: { atomics } }: Inspection, { at, parts }: Thing) {
  return { value: Math.max(0, Number(parts[0]) - atomics.load32(at + LATCH.arrived)) };
}

function channel({ region: { atomics } }: Inspection, { at, size, parts }: Thing) {
  if (size < CHANNEL.places) return {};
  const capacity = Number(parts[0]);
  const [sent, received] = [CHANNEL.senders, CHANNEL.receivers]
    .map((end) => atomics.load32(at + end + CHANNEL_END.position) & ~CLOSED);
  const ahead = sent - received;
  const count = ahead < 0 ? ahead + 2 * capacity : ahead;
  return count <= capacity ? { value: count } : {}; // It is damaged, or changed meanwhile.
}

function barrier({ region: { atomics } }: Inspection, { at }: Thing) {
  return { value: atomics.load32(at + BARRIER.state) & ARRIVED };
}

function once(inspection: Inspection, thing: Thing) {
  const isMade = inspection.region.atomics.load32(thing.at + ONCE.state) !== 0;
  return { value: isMade, ...mutex(inspection, thing) };
}

function elements({ region }: Inspection, { at, size, parts }: Thing, first: number) {
  const [type, length] = parts;
  if (!isElement(type)) return {};
  const { bytes, load } = elementOf(type);
  const count = Math.min(Number(length ?? 1), MOST_ELEMENTS, Math.floor((size - first) / bytes));
  const values = Array.from({ length: Math.max(0, count) }, (_, i) => {
    return load(region.atomics, at + first + i * bytes);
  });
  return { value: length === undefined ? values[0] : values };
}

function isElement(type: string): type is ElementType {
  try {
    elementOf(type as ElementType);
    return true;
  } catch {
    return false; // Of a later version, or damaged.
  }
}

function mutex(inspection: Inspection, { at }: Thing): InspectedLock {
  const { region } = inspection;
  const holder = holderIn(inspection, at + MUTEX.word);
  const died = region.atomics.load32(at + MUTEX.died);
  return {
    ...heldBy(holder === 0 ? [] : [holderOf(inspection, holder)]),
    heldFor: leastHoldTime(region, at),
    token: wholeAt(region.atomics, at + MUTEX.token),
    contents: died === 0 ? "consistent" : died & INCONSISTENT ? "inconsistent" : "recovered",
    diedOwner: died === 0 ? undefined : inspection.threadOf(died & OWNER)?.owner,
  };
}

function semaphore(inspection: Inspection, { at, size, parts }: Thing) {
  const permits = Number(parts[0]);
  if (SEMAPHORE.permits + 4 * permits > size) return {};
  const held = new Map<number, number>();
  for (let i = 0; i < permits; i++) {
    const holder = holderIn(inspection, at + SEMAPHORE.permits + 4 * i);
    if (holder !== 0) held.set(holder, (held.get(holder) ?? 0) + 1);
  }
  const holders = [...held].map(([holder, permits]) => {
    return { ...holderOf(inspection, holder), permits };
  });
  const token = wholeAt(inspection.region.atomics, at + SEMAPHORE.token);
  return { ...heldBy(holders), permits, token };
}

function rwLock(inspection: Inspection, { at, size }: Thing) {
  if (size < RW_LOCK.bytes) return {};
  const { region } = inspection;
  const turn = holderIn(inspection, at + RW_LOCK.turn);
  const gate = region.atomics.load32(at + RW_LOCK.gate);
  const readers = inspection.readersOf(at);
  // A writer closes the gate, and waits for the readers to leave.
  const role = gate === turn && readers.length === 0 ? "writer" as const : "next writer" as const;
  const died = gate & OWNER;
  const hasDied = died !== 0 && died !== turn && inspection.threadOf(died)?.isGone === true &&
    region.atomics.load32(at + RW_LOCK.gate) === gate;
  return {
    ...heldBy([
      ...turn === 0 ? [] : [{ ...holderOf(inspection, turn), role }],
      ...readers.map((reader) => ({ ...holderOf(inspection, reader), role: "reader" as const })),
    ]),
    heldFor: leastHoldTime(region, at + RW_LOCK.turn),
    token: wholeAt(region.atomics, at + RW_LOCK.turn + MUTEX.token),
    contents: hasDied ? "recovered" as const : "consistent" as const,
    diedOwner: hasDied ? inspection.threadOf(died)?.owner : undefined,
  };
}

/** The identity in a word; 0 if there is none. */
function holderIn({ region: { atomics }, threadOf }: Inspection, at: number): number {
  for (;;) {
    const holder = atomics.load32(at) & OWNER;
    // A holder can release the lock, end, and only then be found dead.
    if (holder === 0 || !threadOf(holder)?.isGone) return holder;
    if ((atomics.load32(at) & OWNER) === holder) return holder;
  }
}

function holderOf({ threadOf }: Inspection, identity: number): InspectedHolder {
  const thread = threadOf(identity);
  return { owner: thread?.owner, isGone: thread?.isGone ?? false };
}

function heldBy(holders: readonly InspectedHolder[]): Pick<InspectedLock, "state" | "holders"> {
  const state = holders.length === 0
    ? "free"
    : holders.every(({ isGone }) => isGone)
    ? "dead"
    : "held";
  return { state, holders };
}

/** A 64-bit number, never rounded: a big integer beyond 2^53. */
function wholeAt(atomics: AtomicOperations, at: number): number | bigint {
  return whole(atomics.loadBigInt64(at));
}

function whole(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
