import assert from "node:assert/strict";
import {
  AtomicCounter,
  Barrier,
  Condition,
  Memory,
  Mutex,
  RawValue,
} from "../../../src/memory/mod.ts";

/** The parties of the barrier, and the members that take turns by a condition. */
export const [PARTIES, MEMBERS] = [8, 3];
const LINE = 128;
const SIZE = 4 * LINE + Math.max(Barrier.bytes(PARTIES), Condition.BYTES);

/** A memory with a barrier and counters of what its parties did. */
export class Meeting implements Disposable {
  readonly memory: Memory;
  readonly barrier: Barrier;
  readonly arrivals: AtomicCounter;
  readonly indexes: AtomicCounter;

  constructor(path: string) {
    this.memory = Memory.map(path, SIZE);
    this.arrivals = new AtomicCounter(this.memory, 0);
    this.indexes = new AtomicCounter(this.memory, LINE);
    this.barrier = new Barrier(this.memory, 4 * LINE, { parties: PARTIES });
  }

  /** Passes so often; no party may be a pass ahead, or go on before all have arrived. */
  async pass(passes: number, random: () => number): Promise<void> {
    for (let i = 0; i < passes; i++) {
      this.arrivals.add();
      const isTask = random() < 0.05;
      this.indexes.add(isTask ? await this.barrier.wait() : this.barrier.waitSync());
      const arrivals = this.arrivals.value;
      const isRight = arrivals >= PARTIES * (i + 1) && arrivals < PARTIES * (i + 2);
      assert.ok(isRight, `${arrivals} arrivals after pass ${i + 1}`);
    }
    this.barrier.leave();
  }

  [Symbol.dispose](): void {
    this.memory.close();
  }
}

/** A memory with a mutex, its condition, and a number of turns that members take one by one. */
export class Turns implements Disposable {
  readonly memory: Memory;
  readonly turn: RawValue;
  readonly #mutex: Mutex;
  readonly #condition: Condition;

  constructor(path: string) {
    this.memory = Memory.map(path, SIZE);
    this.turn = new RawValue(this.memory, 0);
    this.#mutex = new Mutex(this.memory, LINE);
    this.#condition = new Condition(this.memory, 4 * LINE, this.#mutex);
  }

  /** Takes every turn of a member; each turn is passed on by a notification. */
  async take(member: number, turns: number, random: () => number): Promise<void> {
    const isMine = () => this.turn.value % MEMBERS === member;
    for (let i = member; i < turns; i += MEMBERS) {
      using guard = this.#mutex.acquireSync();
      if (random() < 0.05) await this.#condition.waitFor(guard, isMine);
      else this.#condition.waitForSync(guard, isMine);
      assert.equal(this.turn.value++, i);
      this.#condition.notifyAll();
    }
  }

  [Symbol.dispose](): void {
    this.memory.close();
  }
}
