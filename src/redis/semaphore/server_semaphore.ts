import { thisInstant } from "../../runtime/waiting/instant.ts";
import type { RedisAdapter } from "../client/adapter.ts";
import { explained, MisconfiguredError } from "../client/errors.ts";
import { partOf } from "../client/names.ts";
import { Script } from "../client/script.ts";
import type { Attempt } from "../lease/attempt.ts";
import { COUNT_HELD, RELEASE_PERMITS, RENEW_PERMITS, TAKE } from "./semaphore_scripts.ts";

const take = new Script(TAKE);
const renew = new Script(RENEW_PERMITS);
const release = new Script(RELEASE_PERMITS);
const count = new Script(COUNT_HELD);

/** A question to a server. */
export interface PermitRequest {
  /** Identifies the hold: another one for each. Asked again with the same value, it stays one. */
  readonly value: string;
  /** How long the server keeps the hold, in milliseconds. */
  readonly leaseTime: number;
  /** How many permits. */
  readonly wanted: number;
  /** Whether no waiter may be overtaken. */
  readonly fair?: boolean;
}

/**
 * The name of a waiter to which a release may grant its permits. It says what the waiter would be
 * granted: the beginning of its value, its permits, its lease, and the rest of its value.
 */
export function permitWaiterOf({ value, wanted, leaseTime }: PermitRequest): string {
  const end = value.indexOf(" ");
  return `s:${value.slice(0, end)}:${wanted}:${leaseTime}${value.slice(end)}`;
}

/** One semaphore on one server: single questions and their answers. */
export class ServerSemaphore {
  /** Its name in messages. */
  readonly what: string;
  /** The beginning of the name of a waiter's channel; the client's name follows. */
  readonly channel: string;
  readonly #adapter: RedisAdapter;
  readonly #keys: string[];
  readonly #permits: number;

  /**
   * The semaphore called `name`, with this number of permits.
   *
   * @throws {TypeError} If the name cannot be used.
   */
  constructor(
    adapter: RedisAdapter & { readonly keyPrefix?: string },
    name: string,
    permits: number,
  ) {
    this.#adapter = adapter;
    this.#permits = permits;
    // First, since it checks the name.
    this.channel = `${adapter.keyPrefix ?? ""}${partOf(name, "semaphore-wake")}:`;
    this.what = `the semaphore "${name}"`;
    const parts = ["semaphore", "semaphore-holds", "semaphore-queue", "semaphore-seen"];
    this.#keys = parts.map((part) => partOf(name, part));
  }

  /**
   * Acquires permits, or queues for them.
   *
   * @param waiter The waiter to queue if too few are free; see {@linkcode permitWaiterOf}.
   * @param ticket Its position in the queue, once it has one.
   * @throws {MisconfiguredError} If others use another number of permits.
   */
  async attempt(request: PermitRequest, waiter = "", ticket = ""): Promise<Attempt> {
    const { value, leaseTime, wanted, fair = false } = request;
    const sent = thisInstant();
    const reply = await this.#run(
      take,
      "acquire",
      this.#keys,
      value,
      `${leaseTime}`,
      `${wanted}`,
      `${this.#permits}`,
      fair ? "1" : "0",
      waiter,
      ticket,
      this.channel,
    ) as [number, number, string?, number?, number?];
    if (reply[0] === 1) return { granted: true, sent, token: reply[1], previous: undefined };
    if (reply[0] === -1) {
      throw new MisconfiguredError(
        `Cannot acquire ${this.what}: others use it with ${reply[1]} permits, this object with ` +
          `${this.#permits}. Use the same number everywhere`,
      );
    }
    const [, look, position, free, last] = reply;
    const why = `${wanted} of ${this.#permits} permits are wanted, and ${free} are free`;
    const refusal = { look, ticket: position ?? "", holder: undefined, why };
    return { granted: false, sent, token: last, ...refusal };
  }

  /** Renews the lease; `false` if the value does not hold its permits any more. */
  async renew({ value, leaseTime, wanted }: PermitRequest): Promise<boolean> {
    const keys = this.#keys.slice(1, 2);
    return await this.#run(renew, "renew", keys, value, `${leaseTime}`, `${wanted}`) === 1;
  }

  /** Releases permits, and wakes the next waiters. `false` if the value did not hold them. */
  async release(request: PermitRequest): Promise<boolean> {
    return await this.#release(request, "") === 1;
  }

  /**
   * Releases what a request may have got and was not used: permits, the position of its waiter, or
   * both. Wakes the next waiter.
   */
  async withdraw(request: PermitRequest, waiter = ""): Promise<void> {
    await this.#release(request, waiter);
  }

  /** How many permits are held, by the server's clock. */
  async held(): Promise<number> {
    return Number(await this.#run(count, "read", this.#keys.slice(0, 2)));
  }

  #release({ value, wanted }: PermitRequest, waiter: string): Promise<unknown> {
    const args = [value, `${wanted}`, `${this.#permits}`, waiter, this.channel];
    return this.#run(release, "release", this.#keys, ...args);
  }

  #run(script: Script, verb: string, keys: string[], ...args: string[]): Promise<unknown> {
    return explained(`${verb} ${this.what}`, script.run(this.#adapter, keys, args));
  }
}
