import { UnsupportedError } from "../../contract/errors.ts";
import type { RedisAdapter, Reply } from "../client/adapter.ts";
import { codeOf, explain, explained, isTemporary } from "../client/errors.ts";
import { InFlight } from "../client/in_flight.ts";
import { operationKey } from "../client/names.ts";
import { AddBatch } from "./add_batch.ts";
import { CallOrder } from "./call_order.ts";
import type { CounterSettings } from "./counter_options.ts";

/**
 * While the value was last seen nearer to 0 than this, adds are plain INCRBYs: faster than a
 * script, and far from the limit of the exact numbers unless another program has just gone there.
 */
const NEAR = 2 ** 50;

/** The operations of one counter; the adds of one moment are sent as one command. */
export class Adds {
  /** The operations under way. */
  readonly inFlight: InFlight = new InFlight();

  readonly #adapter: RedisAdapter;
  readonly #order: CallOrder;
  readonly #key: string;
  readonly #settings: CounterSettings;
  /** Whether plain commands can do everything: no bounds and no expiry. */
  readonly #isPlain: boolean;
  #isNear = false;
  #hasScripts = true;
  #batch: AddBatch | undefined;
  #isClosing = false;
  readonly #flushNow = () => void this.flush();

  /** The adds to the counter at `key`. */
  constructor(adapter: RedisAdapter, key: string, settings: CounterSettings) {
    this.#adapter = adapter;
    this.#order = new CallOrder(adapter);
    this.#key = key;
    this.#settings = settings;
    const { min, max, expireAfter } = settings;
    this.#isPlain = min === Number.MIN_SAFE_INTEGER && max === Number.MAX_SAFE_INTEGER &&
      expireAfter === "";
  }

  /** Adds `n` with the other adds of this moment. Resolves as {@linkcode AddBatch.add}. */
  add(n: number, isFetch: boolean): Promise<number> {
    if (this.#batch !== undefined && !this.#batch.takes(n)) this.flush();
    if (this.#batch === undefined) {
      this.#batch = new AddBatch();
      queueMicrotask(this.#flushNow);
    }
    return this.#batch.add(n, isFetch);
  }

  /** Sends the adds of this moment, and never rejects: each add has a promise of its own. */
  flush(): Promise<void> {
    const batch = this.#batch;
    if (batch === undefined) return Promise.resolve();
    this.#batch = undefined;
    if (!this.#order.isHolding) return this.#sendBatch(batch);
    return this.inFlight.track(this.#order.inTurn(() => this.#sendBatch(batch)));
  }

  #sendBatch(batch: AddBatch): Promise<void> {
    const needsScript = this.#hasScripts && this.#order.needsScript;
    if (needsScript || !this.#isNear || Math.abs(batch.total) >= NEAR) {
      return this.inFlight.track(this.#send(batch));
    }
    this.inFlight.begin();
    return this.#adapter.send("INCRBY", this.#key, `${batch.total}`).then(
      (reply) => {
        const sum = Number(reply);
        this.#isNear = Math.abs(sum) < NEAR;
        if (!this.#isNear && !batch.isExact(sum)) {
          return this.#sendAgain(batch).finally(() => this.inFlight.end());
        }
        this.inFlight.end();
        return batch.resolve(sum);
      },
      (error) => {
        this.inFlight.end();
        batch.reject(this.#explain(batch.total, error));
      },
    );
  }

  /** Another program has brought the value near the limit meanwhile, so a script must check it. */
  async #sendAgain(batch: AddBatch): Promise<void> {
    try {
      await this.#takeBack(batch);
    } catch (error) {
      return batch.reject(error);
    }
    await this.#send(batch);
  }

  async #send(batch: AddBatch): Promise<void> {
    try {
      batch.resolve(await this.#addAll(batch));
    } catch (error) {
      if (!(error instanceof RangeError) || batch.size === 1) return batch.reject(error);
      batch.oneByOne((single) => this.inFlight.track(this.#addAll(single)));
    }
  }

  async #addAll(batch: AddBatch): Promise<number> {
    if (this.#hasScripts) {
      try {
        return await this.#scriptAdd(batch.total, batch.fall, batch.rise);
      } catch (error) {
        if (!this.#isPlain || !(error instanceof UnsupportedError)) throw error;
        this.#hasScripts = false;
      }
    }
    const add = () => this.#adapter.send("INCRBY", this.#key, `${batch.total}`);
    const sum = Number(await this.#ask("add to", add));
    if (batch.isExact(sum)) return sum;
    await this.#takeBack(batch);
    throw this.#beyond(batch.total, `about ${sum - batch.total}`);
  }

  async #takeBack({ total }: AddBatch): Promise<void> {
    await this.#ask(
      "take back an add to",
      () => this.#adapter.send("DECRBY", this.#key, `${total}`),
    );
  }

  async #scriptAdd(
    total: number,
    fall: number,
    rise: number,
    operation?: string,
    parcel = "",
  ): Promise<number> {
    const { min, max, expireAfter, rememberFor } = this.#settings;
    const keys = operation === undefined ? [this.#key] : [this.#key, this.#recordOf(operation)];
    let reply: Reply;
    try {
      const args = [total, 0 - total, min, max, fall, rise].map(String);
      reply = await this.#order.run(keys, [...args, expireAfter, rememberFor, parcel]);
    } catch (error) {
      throw this.#explain(total, error);
    }
    if (Array.isArray(reply)) {
      const [why, value] = reply as string[];
      if (why === "beyond") throw this.#beyond(total, value);
      throw new TypeError(
        `Cannot add ${total} to the counter "${this.#key}": the operation "${operation}" added ` +
          `${value} before. Give each add a name of its own`,
      );
    }
    const sum = Number(reply);
    this.#isNear = this.#isPlain && Math.abs(sum) < NEAR;
    return sum;
  }

  /** Adds `n` under the name of an operation, which counts once; tries again for `retryFor` ms. */
  async addOnce(n: number, isFetch: boolean, operation: string, retryFor: number): Promise<number> {
    this.flush();
    const batch = new AddBatch();
    const value = batch.add(n, isFetch);
    const sum = this.#try(n, operation, retryFor, undefined, batch);
    batch.resolve(await this.inFlight.track(sum));
    return await value;
  }

  /** Adds a parcel of collected adds; the parcels of one operation have numbers. */
  addParcel(n: number, operation: string, parcel: number, retryFor: number): Promise<number> {
    return this.inFlight.track(this.#try(n, operation, retryFor, `${parcel}`));
  }

  /** Makes the server forget an operation. */
  async forget(operation: string): Promise<void> {
    await this.inFlight.track(this.#adapter.send("DEL", this.#recordOf(operation)));
  }

  /** Reads the value. */
  get(): Promise<Reply> {
    return this.#ask("read", async () => {
      if (this.#hasScripts && this.#order.needsScript) {
        try {
          return await this.#order.run([this.#key], []);
        } catch (error) {
          if (!(error instanceof UnsupportedError)) throw error;
        }
      }
      return await this.#adapter.send("GET", this.#key);
    });
  }

  /** Replaces the value, by these arguments of the script. */
  async replace(args: readonly string[]): Promise<Reply> {
    const reply = await this.#ask("set", () => this.#order.run([this.#key], args));
    this.#isNear = false; // It may be near the limit now.
    return reply;
  }

  /** From now on, nothing is tried again. */
  endRetries(): void {
    this.#isClosing = true;
  }

  async #try(
    n: number,
    operation: string,
    retryFor: number,
    parcel?: string,
    { fall, rise } = { fall: 0, rise: 0 },
  ): Promise<number> {
    const ends = performance.now() + retryFor;
    for (let pause = 20;; pause = Math.min(pause * 2, 500)) {
      try {
        return await this.#order.inTurn(() => this.#scriptAdd(n, fall, rise, operation, parcel));
      } catch (error) {
        const isOver = this.#isClosing || performance.now() + pause > ends;
        if (isOver || !isTemporary(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  #recordOf(operation: string): string {
    return operationKey(this.#key, operation, this.#settings.prefix);
  }

  /** Sends a question after the operations that were called before. */
  async #ask(what: string, ask: () => Promise<Reply>): Promise<Reply> {
    this.flush();
    const answer = this.inFlight.track(this.#order.inTurn(ask));
    return await explained(`${what} the counter "${this.#key}"`, answer);
  }

  #explain(n: number, error: unknown): unknown {
    const overflows = codeOf(error) === "ERR" && /would overflow/.test((error as Error).message);
    if (overflows) return this.#beyond(n, "near 2^63");
    return explain(`add ${n} to the counter "${this.#key}"`, error);
  }

  #beyond(n: number, value: number | string): RangeError {
    const { min, max } = this.#settings;
    const limits = this.#isPlain ? "2^53" : `its bounds, ${min} to ${max}`;
    return new RangeError(
      `Cannot add ${n} to the counter "${this.#key}": the sum is beyond ${limits}; the value stays ` +
        value,
    );
  }
}
