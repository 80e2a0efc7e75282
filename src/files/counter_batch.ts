import type { AsyncCounter } from "../contract/async_counter.ts";
import { nameOf } from "../contract/options.ts";
import {
  asyncDispose,
  dispose,
  type PlatformAsyncDisposable,
  type PlatformDisposable,
} from "../contract/platform.ts";

/** The counter that a {@linkcode CounterBatchSync} writes to. */
interface SyncCounter {
  addSync(n: number): number;
  getSync(): number;
}

/** The adds that a batch has collected, and the size at which they are written. */
class Collected {
  readonly #size: number;
  #count = 0;
  sum = 0;

  constructor(size: number) {
    if (typeof size !== "number") {
      throw new TypeError(`Cannot make a batch: its size must be a number, not ${nameOf(size)}`);
    }
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new RangeError(
        `Cannot make a batch: its size must be a whole number from 1 (given ${size})`,
      );
    }
    this.#size = size;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get isFull(): boolean {
    return this.#count >= this.#size;
  }

  /** Adds `n` if `total`, which includes the sum that is being written, stays exact. */
  add(n: number, total: number): void {
    if (!Number.isInteger(n)) {
      throw new TypeError(`Cannot add to a batch: n must be a whole number, not ${nameOf(n)}`);
    }
    if (!Number.isSafeInteger(n) || !Number.isSafeInteger(total + n)) {
      throw new RangeError(`Cannot add ${n} to a batch: its sum would be beyond 2^53`);
    }
    this.sum += n;
    this.#count++;
  }

  clear(): void {
    this.sum = 0;
    this.#count = 0;
  }

  /** Puts back a sum after an error. If it is in the file, the next write only syncs it. */
  restore(sum: number, error: unknown): void {
    const isWritten = (error as { mayHaveHappened?: boolean }).mayHaveHappened === true;
    this.sum += isWritten ? 0 : sum;
    this.#count++;
  }
}

/**
 * Adds that are collected in this process and written together; made by `FileCounter.batch`. Adds
 * that are not written yet are lost if the process dies: wait for {@linkcode CounterBatch.flush} to
 * know that they are written.
 */
export class CounterBatch implements PlatformAsyncDisposable {
  readonly #counter: AsyncCounter;
  readonly #collected: Collected;
  /** The sum that is being written. */
  #writing = 0;
  /** The write in progress; never rejects. */
  #write: Promise<void> | undefined;
  /** The error of a write that no call has thrown yet. */
  #failure: { readonly error: unknown } | undefined;

  /** Made by `FileCounter.batch`. */
  constructor(counter: AsyncCounter, size: number) {
    this.#counter = counter;
    this.#collected = new Collected(size);
  }

  /** The sum of the adds that are not known to be written. */
  get pending(): number {
    return this.#collected.sum + this.#writing;
  }

  /**
   * Adds `n` to the batch. Starts to write the batch when it is full, and does not wait for that.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; nothing is added.
   * @throws The error of the last write, once, if it failed and no call has thrown it; nothing is
   * added. The sum of that write is still pending, unless only its sync failed.
   */
  add(n = 1): void {
    this.#throwFailure();
    this.#collected.add(n, this.pending);
    this.#writeIfFull();
  }

  /**
   * Writes what is collected. If that fails, it stays collected. If it was written and only the
   * sync failed, it is not written twice: the next flush syncs again.
   *
   * @returns The value of the counter after that.
   * @throws The error of the write, or of an earlier one that no call has thrown.
   */
  async flush(): Promise<number> {
    await this.#idle();
    this.#throwFailure();
    if (this.#collected.isEmpty) return await this.#counter.get();
    return await this.#start();
  }

  /** Writes what is collected; throws as {@linkcode CounterBatch.flush} does. */
  async [asyncDispose](): Promise<void> {
    await this.#idle();
    this.#throwFailure();
    if (!this.#collected.isEmpty) await this.#start();
  }

  /** Returns when no write is in progress. */
  async #idle(): Promise<void> {
    while (this.#write !== undefined) await this.#write;
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  #writeIfFull(): void {
    if (!this.#collected.isFull || this.#write !== undefined) return;
    this.#start().catch((error) => this.#failure = { error });
  }

  #start(): Promise<number> {
    const sum = this.#collected.sum;
    this.#collected.clear();
    this.#writing = sum;
    const added = this.#counter.add(sum);
    this.#write = added.then(() => {
      this.#ended();
      this.#writeIfFull();
    }, (error) => {
      this.#ended();
      this.#collected.restore(sum, error);
    });
    return added;
  }

  #ended(): void {
    this.#write = undefined;
    this.#writing = 0;
  }
}

/** The blocking version of {@linkcode CounterBatch}; made by `FileCounter.batchSync`. */
export class CounterBatchSync implements PlatformDisposable {
  readonly #counter: SyncCounter;
  readonly #collected: Collected;

  /** Made by `FileCounter.batchSync`. */
  constructor(counter: SyncCounter, size: number) {
    this.#counter = counter;
    this.#collected = new Collected(size);
  }

  /** The sum of the adds that are not written yet. */
  get pending(): number {
    return this.#collected.sum;
  }

  /**
   * Adds `n` to the batch, and writes the batch if it is full.
   *
   * @param n A whole number; negative to subtract. Default: 1.
   * @throws {TypeError} If `n` is not a whole number.
   * @throws {RangeError} If `n` or the sum is beyond 2^53; nothing is added.
   */
  add(n = 1): void {
    this.#collected.add(n, this.#collected.sum);
    if (this.#collected.isFull) this.#write();
  }

  /**
   * Writes what is collected. If that fails, it stays collected. If it was written and only the
   * sync failed, it is not written twice: the next flush syncs again.
   *
   * @returns The value of the counter after that.
   */
  flush(): number {
    return this.#collected.isEmpty ? this.#counter.getSync() : this.#write();
  }

  /** Writes what is collected. */
  [dispose](): void {
    if (!this.#collected.isEmpty) this.#write();
  }

  #write(): number {
    const { sum } = this.#collected;
    this.#collected.clear();
    try {
      return this.#counter.addSync(sum);
    } catch (error) {
      this.#collected.restore(sum, error);
      throw error;
    }
  }
}

// A program cannot construct a batch, not even by the constructor of one that it has.
for (const { prototype } of [CounterBatch, CounterBatchSync]) {
  Reflect.deleteProperty(prototype, "constructor");
}
