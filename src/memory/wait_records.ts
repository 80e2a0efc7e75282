import type { Owner } from "../contract/owner.ts";
import { AWAITED_WAITS, HEADER, SLOT, WAIT } from "./layout.ts";
import type { Region } from "./region.ts";

/** What a thread waits for: to acquire a lock, or for another thread, as at a flag or a condition. */
export type WaitKind = "lock" | "flag";

/** A wait of a thread, or of tasks of a thread, as it is recorded in a memory. */
export interface RecordedWait {
  /**
   * The offset of what it waits for, as a program gives it to `new Mutex` or `new Flag`; in a
   * read-write lock, that of the word at which it waits: 0, 64 or 96 bytes more.
   */
  readonly offset: number;
  /** What it waits for there. */
  readonly kind: WaitKind;
  /** When it began to wait; of several tasks, the first. */
  readonly since: Date;
  /** Whether the thread is blocked; if not, its tasks wait. */
  readonly isBlocked: boolean;
}

/** A thread that has a memory open, as the memory records it. */
export interface MemoryThread {
  /** Its process, thread and runtime. */
  readonly owner: Owner;
  /** Whether it is dead for certain; its slot is used again when slots are few. */
  readonly isGone: boolean;
  /** What it waits for, and what its tasks wait for: four of the words at most. */
  readonly waits: readonly RecordedWait[];
}

/** How many threads have a memory open. */
export interface MemorySlots {
  /** The threads that have it open, and dead ones whose slots were not needed since. */
  readonly used: number;
  /** The most that can have it open at a time: 1,023. */
  readonly limit: number;
}

/** The parts of the word of the kind; see layout.ts. */
const [KIND, TIMED, HELD_SHIFT, HELD_UNIT] = [0xff, 0x100, 9, 128];

/** How a wait is recorded. */
export interface WaitToRecord {
  readonly kind: WaitKind;
  /** Whether it has a timeout or a signal. Default: false. */
  readonly isTimed?: boolean;
  /** The offset of a named lock that its task keeps until the wait ends. */
  readonly held?: number;
}

/** A wait that was read, with all that is recorded of it. */
export interface FullWait extends WaitToRecord {
  readonly offset: number;
  readonly isTimed: boolean;
  /** In microseconds, by the clock of the region. */
  readonly since: number;
  readonly isBlocked: boolean;
}

const KINDS: readonly (WaitKind | undefined)[] = [undefined, "lock", "flag"];

/**
 * The records of what this thread waits for, in its slot. Only this thread writes them, when it is
 * about to sleep; see docs/format.md.
 */
export class WaitRecords {
  readonly #region: Region;
  readonly #slot: number;

  /** The records in the slot at an offset of the buffer. */
  constructor(region: Region, slot: number) {
    this.#region = region;
    this.#slot = slot;
  }

  /** Records that this thread is blocked by the word `at`. */
  block(at: number, wait: WaitToRecord): void {
    this.#write(this.#slot + SLOT.wait, at, wait);
  }

  /** Ends the record of {@linkcode block}. */
  unblock(): void {
    this.#region.atomics.store32(this.#slot + SLOT.wait + WAIT.word, 0);
  }

  /** Records that tasks of this thread wait for the word `at`, if there is room. */
  add(at: number, wait: WaitToRecord): void {
    const { atomics } = this.#region;
    atomics.add32(this.#slot + SLOT.awaits, 1);
    const free = this.#find(0);
    if (free !== undefined) this.#write(free, at, wait);
  }

  /** Records of the word `at` that another task is the first one that waits for it. */
  change(at: number, wait: WaitToRecord): void {
    const record = this.#find(this.#wordOf(at));
    if (record !== undefined) this.#region.atomics.store32(record + WAIT.kind, codeOf(wait));
  }

  /** Records that no task keeps the lock at an offset any more. */
  forget(held: number): void {
    const { atomics } = this.#region;
    for (let i = 0; i < AWAITED_WAITS; i++) {
      const at = awaited(this.#slot, i) + WAIT.kind;
      const code = atomics.load32(at);
      if (heldIn(code) === held) atomics.store32(at, code & (KIND | TIMED));
    }
  }

  /** Ends the record of {@linkcode add}. */
  remove(at: number): void {
    const { atomics } = this.#region;
    const record = this.#find(this.#wordOf(at));
    if (record !== undefined) atomics.store32(record + WAIT.word, 0);
    atomics.add32(this.#slot + SLOT.awaits, -1);
  }

  #write(record: number, at: number, wait: WaitToRecord): void {
    const { atomics } = this.#region;
    atomics.store32(record + WAIT.kind, codeOf(wait));
    atomics.exchange64(record + WAIT.since, this.#region.now());
    atomics.store32(record + WAIT.word, this.#wordOf(at));
  }

  #wordOf(at: number): number {
    return at - this.#region.base - HEADER.end + 1;
  }

  /** The record of a word that tasks wait for; with 0, one that is free. */
  #find(word: number): number | undefined {
    for (let i = 0; i < AWAITED_WAITS; i++) {
      const record = awaited(this.#slot, i);
      if (this.#region.atomics.load32(record + WAIT.word) === word) return record;
    }
    return undefined;
  }
}

const awaited = (slot: number, i: number) => slot + SLOT.awaited + i * WAIT.bytes;

function codeOf({ kind, isTimed, held }: WaitToRecord): number {
  const lock = held === undefined ? 0 : (held / HELD_UNIT + 1) << HELD_SHIFT;
  return KINDS.indexOf(kind) | (isTimed ? TIMED : 0) | lock;
}

function heldIn(code: number): number | undefined {
  const lock = code >>> HELD_SHIFT;
  return lock === 0 ? undefined : (lock - 1) * HELD_UNIT;
}

/** Reads all that is recorded of the waits of the thread of a slot, at an offset of the buffer. */
export function fullWaitsIn(region: Region, slot: number): FullWait[] {
  const { atomics } = region;
  const records = Array.from({ length: AWAITED_WAITS }, (_, i) => awaited(slot, i));
  return [slot + SLOT.wait, ...records].flatMap((record, i) => {
    const word = atomics.load32(record + WAIT.word);
    const code = atomics.load32(record + WAIT.kind);
    const kind = KINDS[code & KIND];
    const since = atomics.load64(record + WAIT.since);
    // It may have ended meanwhile, and another one begun.
    if (word <= 0 || kind === undefined || atomics.load32(record + WAIT.word) !== word) return [];
    const isTimed = (code & TIMED) !== 0;
    return [{ offset: word - 1, kind, isTimed, held: heldIn(code), since, isBlocked: i === 0 }];
  });
}

/** Reads what the thread of a slot waits for, at an offset of the buffer. */
export function waitsIn(region: Region, slot: number): RecordedWait[] {
  return fullWaitsIn(region, slot).flatMap(({ offset, kind, since, isBlocked }) => {
    const date = region.dateOf(since);
    if (Number.isNaN(date.getTime())) return []; // It is damaged.
    return [{ offset, kind, since: date, isBlocked }];
  });
}
