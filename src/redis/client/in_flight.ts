/** Counts the operations that an object has under way, so that its `close` can wait for them. */
export class InFlight {
  #count = 0;
  #onIdle: (() => void) | undefined;

  /** Begins an operation; {@linkcode end} must follow. */
  begin(): void {
    this.#count++;
  }

  /** Ends an operation, successful or not. */
  end(): void {
    if (--this.#count === 0) this.#onIdle?.();
  }

  /** Counts an operation until it settles. */
  async track<T>(operation: Promise<T>): Promise<T> {
    this.begin();
    try {
      return await operation;
    } finally {
      this.end();
    }
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#onIdle = resolve);
  }
}
