// The shared words, by their index.
const WRITTEN = 32;
const SYNCED = 64;
/** Counted up at the end of each sync; waiters sleep on it. */
const EVENT = 96;
/** How many adders the last group had, with those that wrote during its sync. */
const CROWD = 97;
/** The duration of the last sync, in microseconds. */
const SYNC_TOOK = 98;
/** Not 0 if the leader is stopped: it holds the lock, and has synced nothing for a long time. */
const STOPPED = 99;

/** The share of the duration of the last sync for which a leader waits for more adders. */
const WAIT_SHARE = 0.5;
/** The interval at which waiters check whether there is a leader: it may have been killed. */
const LOOK_MS = 5;
/** A leader that takes longer than this, and 8 times as long as the last sync, may be stopped. */
const STOPPED_MS = 200;
const STOPPED_SYNCS = 8;
/** The longest time until the waiters of a stopped leader go on. */
const LONGEST_MS = 10_000;

/** What a {@linkcode SharedSync} needs of the system. */
export interface SyncPort {
  /** The words that all adders share. */
  readonly words: Int32Array;
  /** Sleeps while the word of an index is `expected`, for some milliseconds at most. */
  sleep(index: number, expected: number, milliseconds: number): void;
  /** Wakes all that sleep on the word of an index. */
  wakeAll(index: number): void;
  /** Takes the lock of the leader, if it is free. The lock ends with its holder. */
  tryLead(): boolean;
  endLead(): void;
  /** Brings all writes of the counter so far to the storage. */
  sync(): void;
}

/**
 * One fdatasync(2) for the writes of many adders. Each write under the counter's lock gets the next
 * number. The adder that holds the lock on a small file beside the counter is the leader, and syncs
 * all writes so far. The other adders sleep on a word of that file, which all of them map, and are
 * woken together. Writes during a sync are the group of the next one.
 *
 * If the leader is killed, the kernel releases its lock, and the numbers say too little, never too
 * much; a waiter leads instead. If it is stopped (SIGSTOP), each adder syncs for itself after a
 * while, until the leader goes on: any sync counts for all writes before it, whatever process makes
 * it. The words need not survive a loss of power: whatever they say, a new number is greater than
 * those that they call synced.
 */
export class SharedSync {
  readonly #port: SyncPort;
  readonly #words: Int32Array;

  /** The part of one adder. */
  constructor(port: SyncPort) {
    this.#port = port;
    this.#words = port.words;
  }

  /** Gives a write its number. The caller must have made it just now, and still hold the lock. */
  written(): number {
    const words = this.#words;
    const written = Atomics.load(words, WRITTEN);
    const synced = Atomics.load(words, SYNCED);
    const number = ((synced - written | 0) > 0 ? synced : written) + 1 | 0;
    Atomics.store(words, WRITTEN, number);
    return number;
  }

  /**
   * Returns when a write is on the storage. Blocks the thread.
   *
   * @param number The result of {@linkcode written} for it.
   */
  await(number: number): void {
    try {
      this.#await(number);
    } catch (error) {
      throw Object.assign(error as Error, { mayHaveHappened: true });
    }
  }

  #await(number: number): void {
    const words = this.#words;
    let patience: Patience | undefined;
    for (let mustWait = true;;) {
      const event = Atomics.load(words, EVENT);
      if (this.#isSynced(number)) return;
      const mayLead = !mustWait || this.#isGroupComplete();
      if (mayLead && this.#port.tryLead()) {
        try {
          if (!this.#isSynced(number)) this.#lead();
          Atomics.store(words, STOPPED, 0);
        } finally {
          try {
            this.#port.endLead();
          } finally {
            this.#wake(); // After the unlock, so that no waiter that finds it locked misses this.
          }
        }
      } else if (mayLead && (patience ??= new Patience(words)).isOver(event)) {
        Atomics.store(words, STOPPED, 1);
        this.#syncWritten();
        this.#wake();
      } else {
        const share = WAIT_SHARE * Atomics.load(words, SYNC_TOOK) / 1000;
        const time = mayLead ? LOOK_MS : Math.max(0, Math.min(share, LOOK_MS));
        this.#port.sleep(EVENT, event, time);
        mustWait = Atomics.load(words, EVENT) !== event;
      }
    }
  }

  #wake(): void {
    Atomics.add(this.#words, EVENT, 1);
    this.#port.wakeAll(EVENT);
  }

  #lead(): void {
    const words = this.#words;
    const synced = Atomics.load(words, SYNCED);
    const began = performance.now();
    this.#syncWritten();
    Atomics.store(words, SYNC_TOOK, (performance.now() - began) * 1000);
    Atomics.store(words, CROWD, Atomics.load(words, WRITTEN) - synced);
  }

  /** Syncs all writes so far. Others may do the same at the same time. */
  #syncWritten(): void {
    const words = this.#words;
    const written = Atomics.load(words, WRITTEN);
    this.#port.sync();
    for (;;) {
      const synced = Atomics.load(words, SYNCED);
      if ((synced - written | 0) >= 0) return;
      if (Atomics.compareExchange(words, SYNCED, synced, written) === synced) return;
    }
  }

  /** Whether as many adders have written as last time: the last of them leads. */
  #isGroupComplete(): boolean {
    const count = Atomics.load(this.#words, WRITTEN) - Atomics.load(this.#words, SYNCED) | 0;
    return count >= Atomics.load(this.#words, CROWD);
  }

  #isSynced(number: number): boolean {
    return (Atomics.load(this.#words, SYNCED) - number | 0) >= 0;
  }
}

/** How long an adder waits for a leader from which it hears nothing. */
class Patience {
  readonly #words: Int32Array;
  #event: number | undefined;
  #until = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Whether the leader counts as stopped: `event` has been the last one for too long. */
  isOver(event: number): boolean {
    if (Atomics.load(this.#words, STOPPED) !== 0) return true;
    const now = performance.now();
    if (event === this.#event) return now >= this.#until;
    this.#event = event;
    const usual = STOPPED_SYNCS * Math.max(0, Atomics.load(this.#words, SYNC_TOOK) / 1000);
    this.#until = now + Math.min(STOPPED_MS + usual, LONGEST_MS);
    return false;
  }
}
