import { thisMoment } from "../runtime/moment.ts";
import type { RedisAdapter } from "./adapter.ts";
import { explain, MisconfiguredError } from "./errors.ts";
import { partOf } from "./names.ts";
import { Script } from "./script.ts";
import { GIVE_BACK, RENEW_PERMITS, TAKE } from "./semaphore_scripts.ts";
import type { Attempt, LockRequest } from "./server_lock.ts";

const take = new Script(TAKE);
const renew = new Script(RENEW_PERMITS);
const giveBack = new Script(GIVE_BACK);

/** The name of a waiter for so many permits that listens to the channel of `client`. */
export function permitWaiterOf(client: string, number: number, wanted: number): string {
  return `s:${client}:${number}:${wanted}`;
}

/** One semaphore on one server: single questions and their answers, without any waiting. */
export class ServerSemaphore {
  /** What it is, for messages. */
  readonly what: string;
  /** What the name of a waiter's channel begins with; its client's name follows. */
  readonly channel: string;
  /** Whether a message that nobody hears says that its waiter is gone. */
  countsReceivers = false;

  readonly #adapter: RedisAdapter;
  readonly #keys: string[];
  readonly #permits: number;

  /**
   * The semaphore of that name, with so many permits.
   *
   * @throws {TypeError} If the name cannot be used.
   */
  constructor(adapter: RedisAdapter, name: string, permits: number) {
    this.#adapter = adapter;
    this.#permits = permits;
    this.what = `the semaphore "${name}"`;
    this.channel = `${partOf(name, "semaphore-wake")}:`;
    const parts = ["semaphore", "semaphore-token", "semaphore-queue", "semaphore-seen"];
    this.#keys = parts.map((part) => partOf(name, part));
  }

  /**
   * Takes so many permits, or a place in the queue.
   *
   * @throws {MisconfiguredError} If others use it with another number of permits.
   */
  async attempt(request: LockRequest, wanted: number): Promise<Attempt> {
    const { value, leaseTime, fair = false, waiter = "", ticket = "" } = request;
    const sent = thisMoment();
    const reply = await this.#run(
      take,
      "take",
      this.#keys,
      value,
      `${leaseTime}`,
      `${wanted}`,
      `${this.#permits}`,
      fair ? "1" : "0",
      waiter,
      ticket,
      this.channel,
      this.countsReceivers ? "1" : "0",
    ) as [number, number, string?, number?];
    if (reply[0] === 1) return { granted: true, sent, token: reply[1], previous: undefined };
    if (reply[0] === -1) {
      throw new MisconfiguredError(
        `Cannot take ${this.what}: it is used with ${reply[1]} permits by others, and with ` +
          `${this.#permits} here: use the same number everywhere`,
      );
    }
    const [, look, place, free] = reply;
    const why = `${wanted} of ${this.#permits} permits are wanted, and ${free} are free`;
    return { granted: false, look, ticket: place ?? "", holder: undefined, why };
  }

  /** Makes a lease begin anew; `false` if the value does not hold its permits any more. */
  async renew({ value, leaseTime }: LockRequest, wanted: number): Promise<boolean> {
    const keys = this.#keys.slice(0, 1);
    return await this.#run(renew, "renew", keys, value, `${leaseTime}`, `${wanted}`) === 1;
  }

  /**
   * Gives back the permits of a value and the place of a waiter, whichever of both is there, and
   * wakes who is next. `false` if the value did not hold any.
   */
  async release({ value, waiter = "" }: LockRequest, wanted: number): Promise<boolean> {
    const counts = this.countsReceivers ? "1" : "0";
    const args = [value, `${wanted}`, waiter, this.channel, counts];
    return await this.#run(giveBack, "release", this.#keys, ...args) === 1;
  }

  /** How many permits are held, by the server's clock. */
  async held(): Promise<number> {
    try {
      const [seconds, micros] = await this.#adapter.send("TIME") as [string, string];
      const now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
      return Number(await this.#adapter.send("ZCOUNT", this.#keys[0], `(${now}`, "+inf"));
    } catch (error) {
      throw explain(`look at ${this.what}`, error);
    }
  }

  async #run(
    script: Script,
    verb: string,
    keys: string[],
    ...args: string[]
  ): Promise<unknown> {
    try {
      return await script.run(this.#adapter, keys, args);
    } catch (error) {
      throw explain(`${verb} ${this.what}`, error);
    }
  }
}
