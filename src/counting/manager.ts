/** A request to the manager. `cell` names one of its numbers, each of which has a lock. */
export interface ManagerRequest {
  readonly op: "get" | "set" | "add" | "acquire" | "release";
  readonly cell: string;
  readonly n?: number;
}

/**
 * State that one process or thread owns and others change by messages. Each message is processed as
 * a whole, so `add` is atomic; a `get` followed by a `set` is not.
 */
export class Manager {
  readonly #numbers = new Map<string, number>();
  readonly #queues = new Map<string, (() => void)[]>();

  /** Processes a request and answers; a request for a held lock is answered later. */
  handle({ op, cell, n = 0 }: ManagerRequest, answer: (value: number) => void): void {
    const value = this.#numbers.get(cell) ?? 0;
    switch (op) {
      case "get":
        return answer(value);
      case "set":
        this.#numbers.set(cell, n);
        return answer(n);
      case "add":
        this.#numbers.set(cell, value + n);
        return answer(value);
      case "acquire": {
        const queue = this.#queues.get(cell);
        if (queue !== undefined) return void queue.push(() => answer(0));
        this.#queues.set(cell, []);
        return answer(0);
      }
      case "release": {
        const next = this.#queues.get(cell)?.shift();
        if (next === undefined) this.#queues.delete(cell);
        else next();
        return answer(0);
      }
    }
  }
}
