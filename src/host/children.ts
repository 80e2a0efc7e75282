import { Child, type ChildOptions, describeEnd } from "./child.ts";

/** Thrown if a child process died or failed. The message names the process. */
export class ChildError extends Error {
  override readonly name = "ChildError";
}

/** Child processes that do something together, which fails if one of them does. */
export class Children implements AsyncDisposable, Disposable {
  readonly #children: Child[] = [];
  readonly #failure = Promise.withResolvers<never>();
  readonly #signal: AbortSignal;

  /** @param signal Fails all with its reason. */
  constructor(signal: AbortSignal) {
    this.#failure.promise.catch(() => {}); // It may come while nothing waits for it.
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort);
    if (signal.aborted) this.#abort();
  }

  readonly #abort = (): void => this.fail(this.#signal.reason);

  /** Starts a child; all fail if it ends before `isDone` returns true, before it had `done` it. */
  start<Message>(
    options: ChildOptions<Message>,
    done: string,
    isDone: () => boolean = () => false,
  ): Child<Message> {
    const child = new Child<Message>(options);
    this.#children.push(child as Child);
    void child.ended.then((end) => {
      if (!isDone()) this.fail(new ChildError(`${child.name} ${describeEnd(end, done)}`));
    });
    return child;
  }

  /** Fails all: whatever waits for them, now or later, gets the first error. */
  fail(error: Error): void {
    this.#failure.reject(error);
  }

  /** Writes a line to the standard input of each. */
  tell(line: string): void {
    for (const child of this.#children) child.tell(line);
  }

  /** Waits for a step, or throws the failure of a child. */
  async orFailure<T>(step: Promise<T>): Promise<T> {
    return await Promise.race([step, this.#failure.promise]);
  }

  /** Kills the children that still run. */
  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#abort);
    for (const child of this.#children) child.kill();
  }

  /** Kills the children that still run, and waits until all have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await Promise.all(this.#children.map(({ ended }) => ended));
  }
}
