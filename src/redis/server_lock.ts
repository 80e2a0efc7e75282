import type { Owner } from "../contract/owner.ts";
import { type Moment, thisMoment } from "../runtime/moment.ts";
import type { RedisAdapter } from "./adapter.ts";
import { explain } from "./errors.ts";
import { ACQUIRE, RAISE, RELEASE, RENEW, SHARED, TAKE } from "./lock_scripts.ts";
import { partOf } from "./names.ts";
import { Script } from "./script.ts";

const take = new Script(TAKE);
const acquire = new Script(ACQUIRE);
const renew = new Script(RENEW);
const raise = new Script(RAISE);
const release = new Script(RELEASE);

/** What is asked of a server at once. */
export interface LockRequest {
  /** Who asks: of its own for each hold. Asked again with the same value, a hold stays one. */
  readonly value: string;
  /** How long the server keeps the hold, in milliseconds. */
  readonly leaseTime: number;
  /** Shared with others who share it, instead of alone. */
  readonly shared?: boolean;
  /** Whether nobody who waits may be overtaken. */
  readonly fair?: boolean;
  /** Who is to wait if the lock is not free; see {@linkcode waiterOf}. */
  readonly waiter?: string;
  /** The place of the waiter in the queue, once it has one. */
  readonly ticket?: string;
  /** How many tokens the hold will use. Default: 1. */
  readonly tokens?: number;
}

/** What a server answers to a {@linkcode LockRequest}. */
export type Attempt =
  | {
    readonly granted: true;
    /** When it was asked; the lease began after that. */
    readonly sent: Moment;
    /** The first of the tokens; none of a hold that is shared. */
    readonly token: number | undefined;
    /** The value of a holder that went without releasing. */
    readonly previous: string | undefined;
  }
  | {
    readonly granted: false;
    /** When it is worth to ask again, unless a message comes before, in milliseconds. */
    readonly look: number;
    /** The place in the queue. */
    readonly ticket: string;
    /** The value of who holds the lock alone; `r` if it is shared. */
    readonly holder: string | undefined;
    /** Why it was refused, where that is not because of the holder. */
    readonly why?: string;
  };

/** The name of a waiter that listens to the channel of `client`. */
export function waiterOf(client: string, number: number, shared: boolean): string {
  return `${shared ? "r" : "w"}:${client}:${number}`;
}

/** A value that nobody else has, with its owner for others to read. */
export function valueOf(client: string, number: number, owner: string): string {
  return `${client}:${number} ${owner}`;
}

/** Who wrote a value; `undefined` where that is somebody else's. */
export function ownerIn(value: string | undefined, since?: Date): Owner | undefined {
  const text = value?.slice(value.indexOf(" ") + 1);
  if (text === undefined || !text.startsWith("{")) return undefined;
  try {
    const owner = JSON.parse(text) as Owner;
    return typeof owner.pid === "number" ? { ...owner, ...since && { since } } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * One lock on one server: single questions and their answers, without any waiting. What waits, what
 * renews and what asks several servers stands on this.
 */
export class ServerLock {
  readonly name: string;
  /** What it is, for messages. */
  readonly what: string;
  /** What the name of a waiter's channel begins with; its client's name follows. */
  readonly channel: string;
  /**
   * Whether a message that nobody hears says that its waiter is gone. Not in a cluster, which
   * counts those at one node.
   */
  countsReceivers = false;

  readonly #adapter: RedisAdapter;
  /** Lock, token, shared, queue, seen: all that there is. */
  readonly #all: readonly string[];
  readonly #lock: readonly string[];
  readonly #sharing: readonly string[];
  readonly #taking: readonly string[];
  readonly #releasing: readonly string[];
  readonly #unsharing: readonly string[];

  /**
   * The lock of that name.
   *
   * @throws {TypeError} If the name cannot be used.
   */
  constructor(adapter: RedisAdapter, name: string) {
    this.#adapter = adapter;
    this.name = name;
    this.what = `the lock "${name}"`;
    this.channel = partOf(name, "wake:");
    const keys = ["lock", "token", "shared", "queue", "seen"].map((part) => partOf(name, part));
    const [lock, token, shared, queue, seen] = this.#all = keys;
    this.#lock = [lock];
    this.#sharing = [lock, shared];
    this.#taking = [lock, token];
    this.#releasing = [lock, token, queue, seen];
    this.#unsharing = [lock, token, queue, seen, shared];
  }

  /** Takes the lock, or a place in its queue. */
  async attempt(request: LockRequest): Promise<Attempt> {
    const { value, leaseTime, shared = false, fair = false, waiter = "", ticket = "" } = request;
    const asks = [value, `${leaseTime}`, `${request.tokens ?? 1}`];
    if (!shared && !fair && waiter === "") {
      const attempt = await this.#ask(take, this.#taking, asks);
      // Who shares it may be gone, and the other script looks.
      if (attempt.granted || attempt.holder !== SHARED) return attempt;
    }
    const counts = this.countsReceivers ? "1" : "0";
    asks.push(shared ? "r" : "w", fair ? "1" : "0", waiter, ticket, counts);
    return await this.#ask(acquire, this.#all, asks);
  }

  /** Makes a lease begin anew; `false` if the value does not hold the lock any more. */
  async renew({ value, leaseTime, shared }: LockRequest): Promise<boolean> {
    const keys = shared ? this.#sharing : this.#lock;
    return await this.#run(renew, "renew", keys, [value, `${leaseTime}`]) === 1;
  }

  /** Has the server know a token of other servers; `false` if the value holds the lock no more. */
  async raise(value: string, token: number): Promise<boolean> {
    return await this.#run(raise, "take", this.#taking, [value, `${token}`]) === 1;
  }

  /**
   * Gives back the hold of a value and the place of a waiter, whichever of both is there, and wakes
   * who is next. `false` if the value did not hold the lock.
   */
  async release({ value, shared, waiter }: LockRequest): Promise<boolean> {
    const args = [value, this.countsReceivers ? "1" : "0"];
    if (waiter !== undefined) args.push(waiter);
    const keys = shared ? this.#unsharing : this.#releasing;
    return await this.#run(release, "release", keys, args) === 1;
  }

  /** Who holds the lock alone, and since when. */
  async owner(): Promise<Owner | undefined> {
    const [lock, token] = this.#taking;
    try {
      const [value, minted] = await Promise.all([
        this.#adapter.send("GET", lock),
        this.#adapter.send("HGET", token, "token"),
      ]);
      if (typeof value !== "string") return undefined;
      // A token is the time it was minted, in microseconds.
      return ownerIn(value, minted === null ? undefined : new Date(Number(minted) / 1000));
    } catch (error) {
      throw explain(`look at ${this.what}`, error);
    }
  }

  async #ask(script: Script, keys: readonly string[], args: string[]): Promise<Attempt> {
    const sent = thisMoment();
    const reply = await this.#run(script, "take", keys, args) as (string | number | null)[];
    if (reply[0] === 1) {
      const [, token, previous] = reply as [number, number | null, string | null];
      return { granted: true, sent, token: token ?? undefined, previous: previous ?? undefined };
    }
    const [, look, ticket, holder] = reply as [number, number, string, string | null];
    return { granted: false, look, ticket, holder: holder ?? undefined };
  }

  async #run(
    script: Script,
    verb: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    try {
      return await script.run(this.#adapter, keys, args);
    } catch (error) {
      throw explain(`${verb} ${this.what}`, error);
    }
  }
}
