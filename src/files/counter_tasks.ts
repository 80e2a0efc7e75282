import { commitInHelper, leaveHelper } from "./commit_helper.ts";
import type { GroupCommit } from "./group_commit.ts";

/** Whoever was waiting may pass through so many async functions before it adds again. */
const HOPS = 4;

/** An addend of a task, and how to tell the task. */
export interface TaskAdd {
  readonly n: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The adds of the tasks of one thread: those that come during a sync are the next group. */
export class CounterTasks {
  readonly #write: (adds: readonly TaskAdd[]) => number;
  readonly #commit: GroupCommit | undefined;
  #collected: TaskAdd[] = [];
  #written: readonly TaskAdd[] = [];
  #number = 0;
  #busy = false;

  /** `write` writes the sum, and gives its number in `commit`. */
  constructor(write: (adds: readonly TaskAdd[]) => number, commit: GroupCommit | undefined) {
    this.#write = write;
    this.#commit = commit;
  }

  /** Resolves when `n` is written, and on the storage if there is a commit. */
  add(n: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#collected.push({ n, resolve, reject });
      if (!this.#busy) void this.#run();
    });
  }

  /** Writes and syncs what there is. Blocks the thread. */
  finish(): void {
    const written = this.#written;
    try {
      const isMore = this.#collected.length > 0 && this.#writeCollected();
      this.#settle(isMore ? [...written, ...this.#written] : written);
      this.#written = [];
    } finally {
      if (this.#commit !== undefined) leaveHelper(this.#commit);
    }
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (;;) {
      for (let i = 0; i < HOPS; i++) await undefined;
      if (this.#collected.length === 0) break;
      if (!this.#writeCollected()) continue;
      const written = this.#written;
      try {
        if (this.#commit !== undefined) await commitInHelper(this.#commit, this.#number);
        for (const { resolve } of written) resolve();
      } catch (error) {
        for (const { reject } of written) reject(error);
      }
      this.#written = [];
    }
    this.#busy = false;
  }

  /** False where all of them have been rejected. */
  #writeCollected(): boolean {
    const adds = this.#collected;
    this.#collected = [];
    try {
      this.#number = this.#write(adds);
      this.#written = adds;
      return true;
    } catch (error) {
      for (const { reject } of adds) reject(error);
      return false;
    }
  }

  #settle(adds: readonly TaskAdd[]): void {
    if (adds.length === 0) return;
    try {
      this.#commit?.await(this.#number);
      for (const { resolve } of adds) resolve();
    } catch (error) {
      for (const { reject } of adds) reject(error);
    }
  }
}
