/** What looks after one wait: whether it is a part of a deadlock. */
export interface WaitWatch {
  /** The offset of a lock that the task of the wait keeps until the wait ends. */
  readonly held: number | undefined;
  /**
   * Looks, unless it has done so just now; after a sleep of the waiter.
   *
   * @throws {DeadlockError} If the wait can never end, and it is the one of its cycle to fail.
   */
  look(): void;
}

/** What looks after the waits of a thread for the locks of a memory. */
export interface WaitWatcher {
  /** Looks after a wait of this thread, or of the task that calls this, at the word `at`. */
  watch(at: number, isBlocked: boolean, isTimed: boolean): WaitWatch;
}
