import type { AcquireOptions } from "../contract/options.ts";
import { type Change, READ, type TaskChange } from "./counter_changes.ts";
import type { CounterFile } from "./counter_file.ts";
import { closeInHelper, commitInHelper } from "./commit_helper.ts";

/** How many async functions a result may pass through before its task makes the next change. */
const HOPS = 4;

/**
 * The changes that the tasks of one thread ask for. They are collected and written together, in
 * their order; those that come during a write or a sync are the next group.
 */
export class CounterTasks {
  readonly #file: CounterFile;
  #collected: TaskChange[] = [];
  /** Written, and perhaps not synced yet. */
  #written: readonly TaskChange[] = [];
  /** The number of the last write if it is not known to be synced. */
  #unsynced: number | undefined;
  #busy = false;
  #abandoned = false;
  /** Ends the wait for the lock, if all tasks that it was for have given up. */
  #wait = new AbortController();

  constructor(file: CounterFile) {
    this.#file = file;
  }

  /**
   * Resolves when the change is written, and synced if the counter is durable.
   *
   * @returns The value before or after.
   */
  change(
    change: Change,
    n: number,
    replacement: number,
    wantsAfter: boolean,
    options: AcquireOptions | undefined,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const task: TaskChange = { change, n, replacement, wantsAfter, result: 0, resolve, reject };
      if (options !== undefined) this.#watch(task, options);
      this.#collected.push(task);
      if (!this.#busy) void this.#run();
    });
  }

  /** Writes and syncs what is collected, and closes the file. Blocks the thread. */
  close(): void {
    try {
      this.#finish();
    } finally {
      this.#file.close();
    }
  }

  /** Closes the file as soon as no task waits for a change. */
  abandon(): void {
    this.#abandoned = true;
    if (!this.#busy) this.#closeDropped();
  }

  #closeDropped(): void {
    try {
      this.close();
    } catch {
      // No caller could hear of it; the descriptor is closed all the same.
    }
  }

  #finish(): void {
    const written = this.#written;
    this.#written = [];
    const { commit } = this.#file;
    try {
      if (this.#collected.length > 0) this.#runSync();
      const all = [...written, ...this.#written];
      this.#written = [];
      try {
        if (this.#unsynced !== undefined) commit?.await(this.#unsynced);
        resolveAll(all);
      } catch (error) {
        rejectAll(all, error);
      }
    } finally {
      if (commit !== undefined) closeInHelper(commit);
    }
  }

  /** Takes a task out if its time runs out, or its signal is aborted, before its change is made. */
  #watch(task: TaskChange, options: AcquireOptions): void {
    const deadline = this.#file.deadline(options);
    const leave = (error: unknown) => {
      const at = this.#collected.indexOf(task);
      if (at < 0) return;
      this.#collected.splice(at, 1);
      task.stopWatch?.();
      task.reject(error);
      if (this.#collected.length === 0) this.#wait.abort();
    };
    task.stopWatch = deadline.watch(leave, () => leave(deadline.timeout()));
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (;;) {
      for (let i = 0; i < HOPS; i++) await undefined;
      if (this.#collected.length === 0) break;
      const shared = this.#collected.every(isRead);
      if (this.#wait.signal.aborted) this.#wait = new AbortController();
      const { signal } = this.#wait;
      try {
        const end = this.#file.run(shared, () => this.#apply(shared), signal);
        if (end !== undefined) await end;
      } catch (error) {
        if (!signal.aborted) this.#failCollected(error); // Else others may have come since.
      }
      await this.#settle();
    }
    this.#busy = false;
    if (this.#abandoned) this.#closeDropped();
  }

  #runSync(): void {
    try {
      this.#file.runSync(() => this.#apply(false));
    } catch (error) {
      this.#failCollected(error);
    }
  }

  /** Applies what is collected by now; under a shared lock, the reads before the first change. */
  #apply(shared: boolean): void {
    const group = this.#collected;
    const end = shared ? group.findIndex((task) => !isRead(task)) : -1;
    this.#collected = end < 0 ? [] : group.splice(end);
    for (const task of group) task.stopWatch?.();
    try {
      this.#unsynced = this.#file.apply(group) ?? this.#unsynced;
      this.#written = group;
    } catch (error) {
      rejectAll(group, error);
    }
  }

  async #settle(): Promise<void> {
    const written = this.#written;
    if (written.length === 0) return;
    const { commit } = this.#file;
    try {
      if (commit !== undefined && this.#unsynced !== undefined) {
        await commitInHelper(commit, this.#unsynced);
      }
      resolveAll(written);
    } catch (error) {
      rejectAll(written, error);
    }
    this.#unsynced = undefined;
    this.#written = [];
  }

  #failCollected(error: unknown): void {
    const group = this.#collected;
    this.#collected = [];
    for (const task of group) task.stopWatch?.();
    rejectAll(group, error);
  }
}

function isRead({ change }: TaskChange): boolean {
  return change === READ;
}

function resolveAll(group: readonly TaskChange[]): void {
  for (const { resolve, result } of group) resolve(result);
}

function rejectAll(group: readonly TaskChange[], error: unknown): void {
  for (const { reject } of group) reject(error);
}
