import { BrokenBarrierError } from "../contract/errors.ts";
import { type AcquireOptions, checkAcquireOptions } from "../contract/options.ts";
import { refuseThenable } from "../contract/refuse_thenable.ts";
import type { Attachment } from "./attachment.ts";
import { type BarrierOptions, partiesOf } from "./barrier_options.ts";
import { ARRIVED, BARRIER, HEADER } from "./layout.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import { Mutex } from "./mutex.ts";
import type { Region } from "./region.ts";
import { PROCESSORS, type Wait, WaitWord } from "./wait_word.ts";

const TASK = "wait for a barrier";

/** The other parts of the state: a bit, and two counts that wrap. */
const BROKEN = 0x400;
const [RESETS, RESET] = [0xf800, 0x800];
const PASS = 0x10000;

/** The arrival of a wait. */
interface Arrival {
  /** The passes and resets at that moment, as they are in the state. */
  at: number;
  /** How many had arrived before. */
  index: number;
}

/**
 * A barrier in shared memory: threads and tasks wait until so many of them have arrived, and then all
 * go on. Each thread that waits is a party from its first wait on, or since {@linkcode Barrier.join}.
 * If a party dies, the barrier breaks: all waits throw a `BrokenBarrierError` until a
 * {@linkcode Barrier.reset}. So does a wait that ends by its timeout or its signal.
 *
 * | state                          | meaning                               | leaves by                     |
 * | ------------------------------ | ------------------------------------- | ----------------------------- |
 * | fewer arrived than parties     | the others wait                       | the next to arrive: one more  |
 * | the last one arrives           | all go on                             | with it: one more pass, and 0 |
 * | as many as parties             | the last one runs its action          | that one: the same            |
 * | broken, bit 10                 | waits fail                            | a reset: one more reset, and 0|
 *
 * The state is one word: how many have arrived (bits 0 to 9), whether it is broken (bit 10), and how
 * many resets (bits 11 to 15) and passes (bits 16 to 31) there were. A waiter goes on when the passes
 * are others than at its arrival.
 *
 * Each party has a cell that names its thread. A waiter whose sleep was over looks at all of them, and
 * breaks the barrier if one is dead. Cells change under a mutex, which only those who join, leave or
 * reset need. If no party lives, the next one to join finds the barrier as new.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const phase = Segment.anonymous().barrier("phase", { parties: 2 });
 * const other = phase.wait(); // or another thread, or another process
 * console.log(await phase.wait(), await other); // 1 0
 * phase.leave(); // Else its memory could not be closed.
 * ```
 */
export class Barrier {
  /** How many waits let all of them go on. */
  readonly parties: number;

  readonly #attachment: Attachment;
  readonly #region: Region;
  readonly #me: number;
  readonly #at: number;
  readonly #state: number;
  readonly #first: number;
  readonly #end: number;
  readonly #word: WaitWord;
  /** Of those who join, leave or reset. */
  readonly #turn: Mutex;
  readonly #action: (() => void) | undefined;
  /** The cell of this thread; 0 before it joins. */
  #cell = 0;

  /**
   * The bytes to reserve for a barrier.
   *
   * @throws {TypeError} If `parties` is not a whole number.
   * @throws {RangeError} If `parties` is not from 1 to 1,023.
   */
  static bytes(parties: number): number {
    return BARRIER.parties + Math.ceil(partiesOf({ parties }) / 32) * 128;
  }

  /**
   * The barrier at `offset`; all zeros is one without parties. All users must give the same number of
   * parties. `Segment.barrier` finds an offset by name.
   *
   * @throws {RangeError} If the barrier is outside of the memory, the offset is not a multiple of 8, or
   * the number of parties is not from 1 to 1,023.
   * @throws {TypeError} If an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number, options: BarrierOptions) {
    this.parties = partiesOf(options);
    this.#action = options.action;
    const attachment = attachmentOf(memory, "a barrier");
    const { region } = attachment;
    this.#at = region.resolve(offset, Barrier.bytes(this.parties), 8);
    this.#attachment = attachment;
    this.#region = region;
    this.#me = attachment.identity;
    this.#state = this.#at + BARRIER.state;
    this.#first = this.#at + BARRIER.parties;
    this.#end = this.#first + 4 * this.parties;
    this.#word = new WaitWord(attachment, this.#at + BARRIER.word);
    this.#turn = new Mutex(memory, offset + BARRIER.turn);
    // Before a cell names a thread for the first time.
    if (!attachment.namedLocks.has(offset)) {
      region.atomics.store32(region.base + HEADER.directoryOnly, 0);
    }
    attachment.locks.add(this, this.#first - region.base, this.parties);
  }

  /** Whether this object has made this thread a party, so that its memory must stay open. */
  get held(): boolean {
    return !this.#region.closed && this.#isJoined;
  }

  /** Whether it is broken. */
  get broken(): boolean {
    return (this.#region.atomics.load32(this.#state) & BROKEN) !== 0;
  }

  /** How many have arrived and wait. */
  get waiting(): number {
    return this.#region.atomics.load32(this.#state) & ARRIVED;
  }

  /**
   * Makes this thread a party, as its first wait does; if it is one, does nothing. May block the thread
   * for a moment.
   *
   * @throws {RangeError} If all parties have joined and may live.
   */
  join(): void {
    if (!this.#isJoined) this.#underTurn(() => this.#join());
  }

  /**
   * Makes this thread no party any more: its end breaks nothing, and another thread can join instead.
   * If it is none, does nothing. The barrier does not break, so the others wait for that thread.
   */
  leave(): void {
    if (!this.#isJoined) return;
    this.#underTurn(() => this.#region.atomics.store32(this.#cell, 0));
    this.#cell = 0;
  }

  /**
   * Waits until so many have arrived, without blocking the thread. A wait keeps the process alive.
   *
   * @returns How many had arrived before: from 0 to `parties - 1`.
   * @throws {BrokenBarrierError} If it is broken, or breaks meanwhile.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out; the barrier is broken then.
   * @throws {RangeError} If this thread cannot join, since all parties have joined and may live.
   * @throws What the action throws; the barrier is broken then.
   */
  async wait(options?: AcquireOptions): Promise<number> {
    const checked = checkAcquireOptions(options, TASK);
    checked.signal?.throwIfAborted();
    this.join();
    const arrival: Arrival = { at: 0, index: 0 };
    const isLast = this.#arrive(arrival) ??
      await this.#word.wait(this.#waitFor(() => this.#arrive(arrival)), checked);
    if (isLast) return arrival.index;
    try {
      return await this.#word.wait(this.#waitFor(() => this.#look(arrival)), checked);
    } catch (error) {
      return this.#giveUp(arrival, error);
    }
  }

  /**
   * Waits until so many have arrived. Blocks the thread.
   *
   * @returns How many had arrived before: from 0 to `parties - 1`.
   * @throws {BrokenBarrierError} If it is broken, or breaks meanwhile.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out; the barrier is broken then.
   * @throws {RangeError} If this thread cannot join, since all parties have joined and may live.
   * @throws What the action throws; the barrier is broken then.
   */
  waitSync(options?: AcquireOptions): number {
    const checked = checkAcquireOptions(options, TASK);
    checked.signal?.throwIfAborted();
    this.join();
    const arrival: Arrival = { at: 0, index: 0 };
    const isLast = this.#arrive(arrival) ??
      this.#word.waitSync(this.#waitFor(() => this.#arrive(arrival)), options && checked);
    if (isLast) return arrival.index;
    try {
      return this.#word.waitSync(
        this.#waitFor(() => this.#look(arrival)),
        options && checked,
      );
    } catch (error) {
      return this.#giveUp(arrival, error);
    }
  }

  /** Breaks the barrier: all waits throw a `BrokenBarrierError`, until a reset. Never waits. */
  abort(): void {
    this.#break();
  }

  /**
   * Makes the barrier as new, with the same parties without those that died. Waits of that moment throw
   * a `BrokenBarrierError`. May block the thread for a moment.
   */
  reset(): void {
    this.#underTurn(() => {
      for (let cell = this.#first; cell < this.#end; cell += 4) {
        if (this.#isGone(cell)) this.#region.atomics.store32(cell, 0);
      }
      this.#renew();
    });
  }

  get #isJoined(): boolean {
    return this.#cell !== 0 && this.#region.atomics.load32(this.#cell) === this.#me;
  }

  #underTurn(body: () => void): void {
    this.#turn.lock();
    try {
      body();
    } finally {
      this.#turn.unlock();
    }
  }

  /** Takes a cell; if another party has died, breaks the barrier, or renews it if none lives. */
  #join(): void {
    const { atomics } = this.#region;
    let [mine, free, dead, living] = [0, 0, 0, 0];
    for (let cell = this.#first; cell < this.#end; cell += 4) {
      const party = atomics.load32(cell);
      if (party === this.#me) mine = cell;
      else if (party === 0) free ||= cell;
      else if (this.#isGone(cell)) dead = cell;
      else living++;
    }
    if (living === 0 && mine === 0) {
      for (let cell = this.#first; cell < this.#end; cell += 4) atomics.store32(cell, 0);
      this.#renew();
    } else if (dead !== 0) this.#break();
    const cell = mine || free || dead;
    if (cell === 0) {
      throw new RangeError(
        `Cannot join a barrier of ${this.parties} parties: all of them have joined, and may live`,
      );
    }
    atomics.store32(cell, this.#me);
    this.#cell = cell;
  }

  /** Begins anew; the caller has the turn. Broken first, so that no wait passes meanwhile. */
  #renew(): void {
    const { atomics } = this.#region;
    const state = this.#break();
    atomics.store32(this.#at + BARRIER.broken, state >>> 16);
    atomics.store32(this.#state, (state & ~(RESETS | PASS - 1)) | (state + RESET & RESETS));
    this.#word.signal();
  }

  /** Breaks the barrier, and returns its state then. */
  #break(): number {
    const { atomics } = this.#region;
    for (;;) {
      const state = atomics.load32(this.#state);
      const broken = state | BROKEN;
      if (state !== broken && atomics.compareExchange32(this.#state, state, broken) !== state) {
        continue;
      }
      this.#word.signal();
      return broken;
    }
  }

  /**
   * Arrives, if the action of those before is not running now.
   *
   * @returns Whether it is the last one; `undefined` if it must wait to arrive.
   */
  #arrive(arrival: Arrival): boolean | undefined {
    const { atomics } = this.#region;
    for (;;) {
      const state = atomics.load32(this.#state);
      if ((state & BROKEN) !== 0) throw broken();
      const arrived = state & ARRIVED;
      if (arrived === this.parties) return undefined;
      const isLast = arrived + 1 === this.parties;
      const passed = (state - arrived + PASS) | 0;
      const next = isLast && this.#action === undefined ? passed : state + 1;
      if (atomics.compareExchange32(this.#state, state, next) !== state) continue;
      arrival.at = state & ~ARRIVED;
      arrival.index = arrived;
      if (!isLast) return false;
      if (this.#action !== undefined) this.#act(next, passed);
      this.#word.signal();
      return true;
    }
  }

  /** Runs the action, and then lets all go on. */
  #act(state: number, passed: number): void {
    try {
      refuseThenable(
        this.#action!(),
        "run the action of a barrier",
        "a function that returns at once",
      );
    } catch (error) {
      this.#break();
      throw error;
    }
    if (this.#region.atomics.compareExchange32(this.#state, state, passed) !== state) {
      throw broken();
    }
  }

  #waitFor<T>(look: () => T | undefined): Wait<T> {
    return {
      kind: "flag",
      isShort: true,
      // The others would need the processor of this thread.
      spins: this.parties <= PROCESSORS,
      run: (patient) => {
        if (patient && this.#hasDead()) this.#break();
        return look();
      },
      timeoutMessage: () =>
        `Cannot ${TASK} any longer: ${this.waiting} of ${this.parties} parties arrived in time`,
    };
  }

  /** The index of an arrival that can go on; `undefined` if it must wait. */
  #look(arrival: Arrival): number | undefined {
    const { atomics } = this.#region;
    const state = atomics.load32(this.#state);
    const changes = (state ^ arrival.at) & ~ARRIVED;
    if ((changes & ~(BROKEN | RESETS)) !== 0 && (changes & RESETS) === 0) return arrival.index;
    if (changes === 0) return undefined;
    // A reset. Its own passes came before, unless it is the one that broke.
    const isNext = ((arrival.at + RESET ^ state) & RESETS) === 0;
    const last = atomics.load32(this.#at + BARRIER.broken);
    if ((changes & RESETS) !== 0 && isNext && last !== arrival.at >>> 16) return arrival.index;
    throw broken();
  }

  /** Ends a wait because of an error: it breaks the barrier, unless all could go on before. */
  #giveUp(arrival: Arrival, error: unknown): number {
    if (error instanceof BrokenBarrierError || this.#breakIf(arrival.at)) throw error;
    return this.#look(arrival)!;
  }

  /** Breaks the barrier if its passes and resets are those of an arrival; else returns false. */
  #breakIf(at: number): boolean {
    const { atomics } = this.#region;
    for (;;) {
      const state = atomics.load32(this.#state);
      if (((state ^ at) & ~(ARRIVED | BROKEN)) !== 0) return false;
      if ((state & BROKEN) !== 0) return true;
      if (atomics.compareExchange32(this.#state, state, state | BROKEN) !== state) continue;
      this.#word.signal();
      return true;
    }
  }

  #hasDead(): boolean {
    for (let cell = this.#first; cell < this.#end; cell += 4) {
      const party = this.#region.atomics.load32(cell);
      if (party === 0 || party === this.#me) continue;
      if (this.#attachment.threads.isFoundGone(party)) return true;
    }
    return false;
  }

  /** Whether the party of a cell is dead for certain. */
  #isGone(cell: number): boolean {
    const party = this.#region.atomics.load32(cell);
    return party !== 0 && party !== this.#me && this.#attachment.threads.isGone(party);
  }
}

function broken(): BrokenBarrierError {
  return new BrokenBarrierError(
    "Cannot wait for a barrier: it is broken. A party died, gave up or aborted it; reset it when all " +
      "parties know",
  );
}
