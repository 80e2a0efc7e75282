import { DeadlockError } from "../contract/errors.ts";
import { tellAfter } from "../contract/lock_events.ts";
import type { AcquireOptions } from "../contract/options.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import type { Attachment } from "./attachment.ts";
import { HEADER, RW_LOCK } from "./layout.ts";
import { OWNER } from "./lock_words.ts";
import { tellMutex, tellMutexWait } from "./mutex_events.ts";
import type { EntryKeeper } from "./reader_entries.ts";
import { Readers } from "./readers.ts";
import type { Region } from "./region.ts";
import type { Preference } from "./rw_lock_options.ts";
import { type Wait, WAITERS, WaitWord } from "./wait_word.ts";

/** In the gate: its writer died, and readers may enter. */
const ABANDONED = 0x40000000;
/** How long a fair writer lets waiting readers go first, in milliseconds, and in which steps. */
const [YIELD, YIELD_STEP] = [1, 0.05];
/** How many holders an error names. */
const NAMED = 3;

/** Whether readers may enter. */
function isOpen(gate: number): boolean {
  return gate === 0 || (gate & ABANDONED) !== 0;
}

/** A thread that has the turn to write. */
export interface Writer {
  /** What was in the gate before the thread closed it; `undefined` while it has not. */
  before: number | undefined;
}

/**
 * The gate of a read-write lock, and the readers of one object of this thread. Writers take turns by
 * a mutex, which their callers hold.
 *
 * | gate             | meaning                                 | leaves by                             |
 * | ---------------- | --------------------------------------- | ------------------------------------- |
 * | `0`              | open: readers enter                     | the thread with the turn: to `me`     |
 * | `writer`         | closed: it waits for readers, or writes | the writer: to `0`, or as it was      |
 * | `writer`         | of a writer that is dead                | a reader: sets bit 30; a writer: `me` |
 * | `writer`, bit 30 | open: it died, no writer has come since | the thread with the turn: to `me`     |
 *
 * A writer that dies, at any step, leaves its turn to the next one, and its identity in the gate,
 * which the next one finds: its guard has `recovered`. So have the guards of readers that enter
 * before a writer does.
 */
export class RwCore implements EntryKeeper {
  readonly #attachment: Attachment;
  readonly #region: Region;
  readonly #me: number;
  readonly #turn: number;
  readonly #gate: number;
  /** The word in which a fair writer notes that readers waited. */
  readonly #yields: number;
  readonly #drainAt: number;
  readonly #prefer: Preference;
  readonly #readers: Readers;
  /** Where readers wait for the gate. */
  readonly #entrance: WaitWord;
  /** Where the writer waits for the readers to leave. */
  readonly #drain: WaitWord;
  /** The shared holds of this object, which have one entry together. */
  #count = 0;
  /** The entry, which this object keeps when it reads no more; 0 if it has none. */
  #entry = 0;
  /** What the entry says while this object reads. */
  readonly #note: number;
  readonly #self: WeakRef<RwCore> = new WeakRef(this);
  /** A reader that a writer has found, and waits for. */
  #reader = 0;
  /** What was in the gate when this object began to read. */
  #found = 0;

  /** The gate of the lock at an offset of the buffer. */
  constructor(attachment: Attachment, at: number, prefer: Preference) {
    this.#attachment = attachment;
    this.#region = attachment.region;
    this.#me = attachment.identity;
    this.#turn = at + RW_LOCK.turn;
    this.#gate = at + RW_LOCK.gate;
    this.#yields = at + RW_LOCK.yields;
    this.#drainAt = at + RW_LOCK.drain;
    this.#prefer = prefer;
    this.#readers = new Readers(attachment, at);
    this.#note = this.#readers.entry;
    this.#entrance = new WaitWord(attachment, at + RW_LOCK.readers);
    this.#drain = new WaitWord(attachment, this.#drainAt);
  }

  /** How many shared holds this object has. */
  get count(): number {
    return this.#count;
  }

  /** The writer that died before this object began to read; 0 if none has. */
  get foundDead(): number {
    return this.#found & OWNER;
  }

  /** Whether this thread reads, by any object. */
  get reads(): boolean {
    return this.#count > 0 || this.#readers.mine > 0;
  }

  /** Whether this object reads, so that its memory must stay open. */
  get held(): boolean {
    return this.#count > 0 && !this.#region.closed;
  }

  /** The thread that has the turn to write, and the readers, without those that died. */
  identities(): number[] {
    const turn = this.#region.atomics.load32(this.#turn) & OWNER;
    const isTaken = turn !== 0 &&
      (turn === this.#me || !this.#attachment.threads.isGone(turn));
    return [...new Set([...isTaken ? [turn] : [], ...this.#readers.identities(true)])];
  }

  /** Another lock of this thread needs the entry, in which this object notes nothing now. */
  loseEntry(): void {
    this.#entry = 0;
  }

  /** Begins to read, with no hold before, if the gate is open. */
  tryRead(): boolean {
    if (this.#entry === 0) this.#takeEntry();
    const gate = this.#region.atomics.storeThenLoad32(this.#entry, this.#note, this.#gate);
    this.#count = 1;
    if (gate !== 0 && !isOpen(gate)) {
      this.endRead();
      return false;
    }
    this.#found = gate;
    return true;
  }

  /** Adds a hold to others, even if a writer waits; false if there are none. */
  nest(): boolean {
    if (this.#count === 0) return false;
    this.#count++;
    return true;
  }

  /**
   * Begins to read, or adds a hold, if the gate is open, or its writer has died.
   *
   * @param patient Whether to check the writer now; else only if it was not checked for long.
   */
  mayRead(patient: boolean): boolean {
    const { atomics } = this.#region;
    const gate = atomics.load32(this.#gate);
    if (!isOpen(gate)) {
      const { threads } = this.#attachment;
      if (gate === this.#me || !(patient || threads.isDue(gate))) return false;
      if (!threads.isFoundGone(gate)) return false;
      atomics.compareExchange32(this.#gate, gate, gate | ABANDONED);
      this.#entrance.signal();
    }
    return this.nest() || this.tryRead();
  }

  /** Waits until this thread may read, blocking it. */
  readSync(options: AcquireOptions | undefined): void {
    if (this.nest() || this.mayRead(false)) return;
    const told = this.#tellWait();
    this.#entrance.waitSync(this.#waitToRead(() => true, true), options);
    told?.();
  }

  /** Waits until this thread may read; `done` is called at once when it does. */
  read<T>(done: () => T, options: AcquireOptions | undefined): Promise<T> {
    if (this.#entrance.isIdle && this.mayRead(false)) return Promise.resolve(done());
    const told = this.#tellWait();
    return tellAfter(this.#entrance.wait(this.#waitToRead(done, false), options), told);
  }

  /** Ends a shared hold. */
  endRead(): void {
    if (--this.#count > 0) return;
    const word = this.#region.atomics.storeThenLoad32(this.#entry, 0, this.#drainAt);
    if ((word & WAITERS) !== 0) this.#release(this.#drain);
  }

  /**
   * Closes the gate, unless it waits for readers to leave first, and looks whether none is left; the
   * thread has the turn. A closed gate stays closed: if it were opened for a reader that came at that
   * moment, a reader and a writer could make way for each other for ever.
   *
   * @param waits Whether the gate is to wait for the readers.
   */
  tryWrite(writer: Writer, patient: boolean, waits = true): true | undefined {
    if (writer.before === undefined) {
      if (waits && this.#hasReaders(patient)) return undefined;
      this.#close(writer);
    }
    return this.#hasReaders(patient) ? undefined : true;
  }

  /** Waits until this thread, which has the turn, is alone. Blocks it. */
  writeSync(writer: Writer, options: AcquireOptions | undefined): void {
    if (this.#mustYield()) {
      for (let time = 0; time < YIELD && !this.#hasReaders(false); time += YIELD_STEP) {
        this.#region.nap(YIELD_STEP);
      }
    }
    if (this.tryWrite(writer, false, this.#waits)) return;
    const told = this.#tellWait();
    this.#drain.waitSync(this.#waitToWrite(writer, true), options);
    told?.();
  }

  /** Waits until this thread, which has the turn, is alone. */
  async write(writer: Writer, options: AcquireOptions | undefined): Promise<void> {
    if (this.#mustYield()) await new Promise((resolve) => setTimeout(resolve, YIELD));
    if (this.tryWrite(writer, false, this.#waits)) return;
    const told = this.#tellWait();
    await this.#drain.wait(this.#waitToWrite(writer, false), options);
    told?.();
  }

  /** Leaves the gate as it was before, for a thread that does not write. */
  reopen(writer: Writer): void {
    const { before } = writer;
    if (before === undefined) return;
    writer.before = undefined;
    this.#region.atomics.store32(this.#gate, before === 0 ? 0 : before | ABANDONED);
    this.#entrance.signal();
  }

  /** Opens the gate after a write; false if it was not closed by this thread. */
  endWrite(): boolean {
    const { atomics } = this.#region;
    if (this.#prefer === "fair" && this.#entrance.hasWaiters) {
      atomics.store32(this.#yields, 1);
    }
    const isMine = atomics.compareExchange32(this.#gate, this.#me, 0) === this.#me;
    this.#release(this.#entrance);
    return isMine;
  }

  /**
   * Makes the only shared hold of this object exclusive, without a gap, if there is no other; the
   * thread has the turn.
   */
  tryUpgrade(writer: Writer): boolean {
    if (this.#count === 1) {
      this.#close(writer);
      const all = this.#readers.identities(true);
      if (all.every((identity) => identity === this.#me) && this.#readers.mine === 1) {
        this.endRead();
        return true;
      }
    }
    this.reopen(writer);
    return false;
  }

  /** Makes an exclusive hold shared, without a gap. The caller keeps the turn until afterwards. */
  downgrade(): boolean {
    if (this.#entry === 0) this.#takeEntry();
    this.#region.atomics.store32(this.#entry, this.#note);
    this.#found = 0;
    this.#count = 1;
    return this.endWrite();
  }

  /**
   * For a thread that has the turn without writing: lets readers in if the writer before died.
   *
   * @returns That writer; 0 if there is none.
   */
  admit(): number {
    const { atomics } = this.#region;
    const gate = atomics.load32(this.#gate);
    if (!isOpen(gate)) {
      atomics.compareExchange32(this.#gate, gate, gate | ABANDONED);
      this.#entrance.signal();
    }
    return gate & OWNER;
  }

  /** Describes a thread, or the one in a value of the gate, if it is known. */
  describe(gate: number): Owner | undefined {
    return gate === 0 ? undefined : this.#attachment.threads.describe(gate & OWNER);
  }

  /** Why a wait ran out of time, for the threads that have the lock. */
  #timeoutMessage(identities: number[]): string {
    const owners = identities.map((identity) => describeOwner(this.describe(identity)));
    const more = owners.length > NAMED ? `; and by ${owners.length - NAMED} other threads` : "";
    return "Cannot acquire a read-write lock in time: it is held by " +
      (owners.slice(0, NAMED).join("; by ") || "no thread now") + more;
  }

  get #waits(): boolean {
    return this.#prefer === "readers";
  }

  #mustYield(): boolean {
    if (this.#prefer !== "fair") return false;
    return this.#region.atomics.compareExchange32(this.#yields, 1, 0) === 1;
  }

  #hasReaders(patient: boolean): boolean {
    [this.#reader = 0] = this.#readers.identities(patient, 1);
    return this.#reader !== 0;
  }

  #close(writer: Writer): void {
    const { atomics } = this.#region;
    for (;;) {
      const gate = atomics.load32(this.#gate);
      // A reader may have let others in after the death of the last writer.
      if (atomics.compareExchange32(this.#gate, gate, this.#me) !== gate) continue;
      writer.before = gate;
      return;
    }
  }

  /**
   * Takes an entry in which to note that this thread reads.
   *
   * @throws {RangeError} If the thread reads under too many locks.
   */
  #takeEntry(): void {
    this.#entry = this.#readers.giveEntry(this.#self);
  }

  /** Wakes those who waited for a release. */
  #release(word: WaitWord): void {
    if (!word.hasWaiters) return;
    word.signal();
    tellMutex("release", this.#region, this.#turn);
  }

  /** Tells that a wait begins; returns what tells of its success. */
  #tellWait(): (() => void) | undefined {
    return tellMutexWait(this.#region, this.#turn);
  }

  #waitToRead<T>(done: () => T, blocks: boolean): Wait<T> {
    return {
      kind: "lock",
      run: (patient) => {
        if (this.mayRead(patient)) return done();
        if (blocks) this.#checkWriter();
        return undefined;
      },
      timeoutMessage: () => this.#timeoutMessage(this.identities()),
    };
  }

  #waitToWrite(writer: Writer, blocks: boolean): Wait<true> {
    return {
      kind: "lock",
      run: (patient) => {
        if (this.tryWrite(writer, patient, this.#waits)) return true;
        if (blocks) this.checkReading(this.#reader);
        return undefined;
      },
      timeoutMessage: () => this.#timeoutMessage(this.#readers.identities(true)),
    };
  }

  /**
   * Throws if this thread reads, and is about to block until it can write.
   *
   * @param reader One that is waited for: it may be this thread, by another copy of the library.
   * @throws {DeadlockError}
   */
  checkReading(reader = 0): void {
    const { threads, thread } = this.#attachment;
    if (!this.reads && (reader === 0 || !threads.isMine(reader, thread))) return;
    throw new DeadlockError(
      "Cannot wait for a read-write lock: this thread reads under it, so the wait would " +
        "never end. Upgrade the guard",
    );
  }

  /**
   * Throws if this thread, which is about to block, reads by another object or guard, and the thread
   * with the turn waits for the readers to leave.
   *
   * @throws {DeadlockError}
   */
  checkDrain(): void {
    const { threads } = this.#attachment;
    const { atomics, base } = this.#region;
    const turn = atomics.load32(this.#turn) & OWNER;
    if (turn === 0 || !this.reads) return;
    // Not by the gate: one that only tries to write closes it for a moment.
    const holder = threads.look(turn);
    const drain = this.#drainAt - base - HEADER.end;
    if (!holder || holder.isGone || !holder.waits.some(({ offset }) => offset === drain)) return;
    throw new DeadlockError(
      "Cannot wait for a read-write lock: this thread reads under it by another object or guard, " +
        "for which a writer waits, so the wait would never end. Use one object, or upgrade the guard",
    );
  }

  /** Throws if the writer is this thread, or waits for it; it is about to block. */
  #checkWriter(): void {
    const { threads, thread } = this.#attachment;
    const gate = this.#region.atomics.load32(this.#gate);
    if (isOpen(gate)) return;
    this.checkDrain();
    if (gate !== this.#me && !threads.isMine(gate, thread)) return;
    throw new DeadlockError(
      "Cannot wait for a read-write lock: this thread holds it as a writer, or waits for that, so " +
        "the wait would never end",
    );
  }
}
