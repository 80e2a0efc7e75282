import type { RedisAdapter, Reply } from "../client/adapter.ts";
import { COUNTER } from "./counter_scripts.ts";

/**
 * Keeps the operations of a counter in the order of their calls, also if the server does not know
 * the script and it must be sent again. That is noticed only by an answer, when later operations
 * have been sent. So, while a script is without an answer, all operations use the same script: the
 * server then refuses all of them, and they are sent again in their order. What comes meanwhile is
 * held back.
 */
export class CallOrder {
  /** The adapter for scripts: it notices that a source is sent. */
  readonly #adapter: Pick<RedisAdapter, "send">;
  /** The number of scripts without an answer. */
  #scripts = 0;
  /** The operations held back, while sources are sent. */
  #held: (() => void)[] | undefined;
  readonly #answered = () => {
    if (--this.#scripts === 0) this.#sendHeld();
  };

  /** The order of the operations that are sent by `adapter`. */
  constructor(adapter: RedisAdapter) {
    this.#adapter = {
      send: (command, ...args) => {
        if (command === "EVAL") this.#held ??= [];
        return adapter.send(command, ...args);
      },
    };
  }

  /** Whether an operation that is sent now must use the script. */
  get needsScript(): boolean {
    return this.#scripts > 0;
  }

  /** Whether an operation must be held back now, by {@linkcode inTurn}. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /** Runs the script of counters. */
  run(keys: readonly string[], args: readonly string[]): Promise<Reply> {
    this.#scripts++;
    return COUNTER.run(this.#adapter as RedisAdapter, keys, args).finally(this.#answered);
  }

  /** Calls `send` when all operations before it were sent: now, except while a source is sent. */
  inTurn<T>(send: () => Promise<T>): Promise<T> {
    const held = this.#held;
    if (held === undefined) return send();
    return new Promise((resolve, reject) => held.push(() => send().then(resolve, reject)));
  }

  /** Sends all at once: an operation that is called in between would overtake the others. */
  #sendHeld(): void {
    const held = this.#held;
    this.#held = undefined;
    for (const send of held ?? []) send();
  }
}
