import type { Owner } from "../../contract/owner.ts";
import { type Instant, thisInstant } from "../../runtime/waiting/instant.ts";
import type { RedisAdapter } from "../client/adapter.ts";
import { explained } from "../client/errors.ts";
import { partOf } from "../client/names.ts";
import { Script } from "../client/script.ts";
import type { Attempt, Grant } from "../lease/attempt.ts";
import { ownerIn, SHARED } from "../lease/holder_value.ts";
import { HAND_ON, HAND_ON_SHARED } from "./hand_on_scripts.ts";
import { ACQUIRE, DOWNGRADE, RAISE, RELEASE, RENEW, TAKE, UPGRADE } from "./lock_scripts.ts";
import {
  acquireWithoutScripts,
  downgradeWithoutScripts,
  releaseWithoutScripts,
  renewWithoutScripts,
  takeWithoutScripts,
} from "./lock_without_scripts.ts";

const take = new Script(TAKE, takeWithoutScripts);
const acquire = new Script(ACQUIRE, acquireWithoutScripts);
const renew = new Script(RENEW, renewWithoutScripts);
const raise = new Script(RAISE);
const release = new Script(RELEASE, releaseWithoutScripts);
const downgrade = new Script(DOWNGRADE, downgradeWithoutScripts);
const upgrade = new Script(UPGRADE);
const handOn = new Script(HAND_ON);
const handOnShared = new Script(HAND_ON_SHARED);

/** A question to a server. */
export interface LockRequest {
  /** Identifies the hold: another one for each. Asked again with the same value, it stays one. */
  readonly value: string;
  /** How long the server keeps the hold, in milliseconds. */
  readonly leaseTime: number;
  /** Whether the lock is shared with other shared holders. */
  readonly shared?: boolean;
  /** Whether no waiter may be overtaken. */
  readonly fair?: boolean;
  /** How many tokens the hold may use. Default: 1. */
  readonly tokens?: number;
  /** How many of them it has used. Default: 1. */
  readonly used?: number;
}

/** The name of a waiter that listens to the channel of `client`, and asks when it is woken. */
export function waiterOf(client: string, number: number, shared: boolean): string {
  return `${shared ? "r" : "w"}:${client}:${number}`;
}

/**
 * The name of a waiter that a release may grant the lock to. It says what the waiter would be
 * granted: its mode, the beginning of its value, its lease, its tokens, and the rest of its value.
 */
export function grantableWaiterOf({ value, leaseTime, tokens = 1 }: LockRequest): string {
  const end = value.indexOf(" ");
  return `w:${value.slice(0, end)}:${leaseTime}:${tokens}${value.slice(end)}`;
}

/**
 * One lock on one server: single questions and their answers. The acquire loop, the renewals and
 * the lock of several servers build on it.
 */
export class ServerLock {
  /** Its name in messages. */
  readonly what: string;
  /** The beginning of the name of a waiter's channel; the client's name follows. */
  readonly channel: string;
  readonly #adapter: RedisAdapter;
  /** All keys: lock, token, shared, queue, seen. */
  readonly #all: readonly string[];
  readonly #lock: readonly string[];
  readonly #sharing: readonly string[];
  readonly #taking: readonly string[];
  readonly #releasing: readonly string[];
  readonly #unsharing: readonly string[];
  readonly #upgrading: readonly string[];

  /**
   * The lock called `name`.
   *
   * @param what Its name in messages.
   * @throws {TypeError} If the name cannot be used.
   */
  constructor(
    adapter: RedisAdapter & { readonly keyPrefix?: string },
    name: string,
    what?: string,
  ) {
    this.#adapter = adapter;
    // First, since it checks the name. Scripts derive it from a key, which has the client's prefix.
    this.channel = (adapter.keyPrefix ?? "") + partOf(name, "wake:");
    this.what = what ?? `the lock "${name}"`;
    const keys = ["lock", "token", "shared", "queue", "seen"].map((part) => partOf(name, part));
    const [lock, token, shared, queue, seen] = this.#all = keys;
    this.#lock = [lock];
    this.#sharing = [lock, shared];
    this.#taking = [lock, token];
    this.#releasing = [lock, token, queue, seen];
    this.#unsharing = [lock, token, queue, seen, shared];
    this.#upgrading = [lock, token, shared];
  }

  /**
   * Acquires the lock, or queues for it.
   *
   * @param waiter The waiter to queue if the lock is not free; see {@linkcode waiterOf}.
   * @param ticket Its position in the queue, once it has one.
   */
  async attempt(request: LockRequest, waiter = "", ticket = ""): Promise<Attempt> {
    const { value, leaseTime, shared = false, fair = false } = request;
    const asks = [value, `${leaseTime}`, `${request.tokens ?? 1}`];
    if (!shared && !fair && waiter === "") {
      const attempt = await this.#ask(take, this.#taking, asks);
      // The sharers may be gone: the other script looks.
      if (attempt.granted || attempt.holder !== SHARED) return attempt;
    }
    asks.push(shared ? "r" : "w", fair ? "1" : "0", waiter, ticket);
    return await this.#ask(acquire, this.#all, asks);
  }

  /** Renews the lease; `false` if the value does not hold the lock any more. */
  async renew({ value, leaseTime, shared }: LockRequest): Promise<boolean> {
    const keys = shared ? this.#sharing : this.#lock;
    return await this.#run(renew, "renew", keys, [value, `${leaseTime}`]) === 1;
  }

  /** Tells the server a token of other servers; `false` if the value does not hold the lock. */
  async raise({ value }: LockRequest, token: number): Promise<boolean> {
    return await this.#run(raise, "acquire", this.#taking, [value, `${token}`]) === 1;
  }

  /** Releases a hold, and wakes the next waiter. `false` if the value did not hold the lock. */
  async release(request: LockRequest): Promise<boolean> {
    const keys = request.shared ? this.#unsharing : this.#releasing;
    return await this.#run(release, "release", keys, [request.value, spareOf(request)]) === 1;
  }

  /**
   * Releases what a request may have got and was not used: a hold, the position of its waiter, or
   * both. Wakes the next waiter.
   */
  async withdraw(request: LockRequest, waiter = ""): Promise<void> {
    const keys = request.shared ? this.#unsharing : this.#releasing;
    await this.#run(release, "release", keys, [request.value, spareOf(request), waiter]);
  }

  /** Makes an exclusive hold shared; `false` if the value does not hold the lock any more. */
  async downgrade(request: LockRequest): Promise<boolean> {
    const args = [request.value, `${request.leaseTime}`, spareOf(request)];
    return await this.#run(downgrade, "downgrade", this.#unsharing, args) === 1;
  }

  /**
   * Makes the only shared hold exclusive, with the value of `next`. Not granted if others share the
   * lock; `undefined` if the value does not share it any more.
   */
  async upgrade({ value }: LockRequest, next: LockRequest): Promise<Attempt | undefined> {
    const sent = thisInstant();
    const args = [next.value, `${next.leaseTime}`, `${next.tokens ?? 1}`, value];
    const reply = await this.#run(upgrade, "upgrade", this.#upgrading, args) as AttemptReply;
    return reply[0] === -1 ? undefined : attemptIn(reply, sent);
  }

  /**
   * Gives the hold of a request the value of `next`, in one step. `undefined` if its value does not
   * hold the lock any more.
   *
   * @param mints Whether the hold gets new tokens.
   * @param names The keys `lock` and `token` of all names of an exclusive hold.
   */
  async handOn(
    request: LockRequest,
    next: LockRequest,
    mints: boolean,
    names: readonly string[] = this.#taking,
  ): Promise<Grant | undefined> {
    const sent = thisInstant();
    const args = [request.value, next.value, `${next.leaseTime}`];
    if (!next.shared) args.push(mints ? `${next.tokens ?? 1}` : "0", spareOf(request));
    const [script, keys] = next.shared ? [handOnShared, this.#sharing] : [handOn, names];
    const reply = await this.#run(script, "hand on", keys, args) as [number, number?];
    if (reply[0] === 0) return undefined;
    return { granted: true, sent, token: reply[1], previous: undefined };
  }

  /** The exclusive holder, and since when. */
  async owner(): Promise<Owner | undefined> {
    const [lock, token] = this.#taking;
    const answers = Promise.all([
      this.#adapter.send("GET", lock),
      this.#adapter.send("HGET", token, "token"),
    ]);
    const [value, minted] = await explained(`read the owner of ${this.what}`, answers);
    if (typeof value !== "string") return undefined;
    // A token is the time it was minted, in microseconds.
    return ownerIn(value, minted === null ? undefined : new Date(Number(minted) / 1000));
  }

  async #ask(script: Script, keys: readonly string[], args: string[]): Promise<Attempt> {
    const sent = thisInstant();
    return attemptIn(await this.#run(script, "acquire", keys, args) as AttemptReply, sent);
  }

  #run(
    script: Script,
    verb: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    return explained(`${verb} ${this.what}`, script.run(this.#adapter, keys, args));
  }
}

/** The reply of a script that acquires a lock. */
export type AttemptReply = readonly (string | number | null)[];

/** Reads a reply. */
export function attemptIn(reply: AttemptReply, sent: Instant): Attempt {
  if (reply[0] === 1) {
    const [, token, previous] = reply as [number, number | null, string | null];
    return { granted: true, sent, token: token ?? undefined, previous: previous ?? undefined };
  }
  const [, look, ticket, holder, last] = reply as [number, number, string, string | null, number?];
  return { granted: false, sent, look, ticket, holder: holder ?? undefined, token: last };
}

/** How many of the tokens of a request were not used. */
function spareOf({ tokens = 1, used = 1 }: LockRequest): string {
  return `${tokens - used}`;
}
