import { LockLostError } from "../../contract/errors.ts";
import { millisecondsSince } from "../../runtime/waiting/instant.ts";
import { InFlight } from "../client/in_flight.ts";
import { abandonRequest, type AcquireTarget, waitForGrant } from "./acquire_loop.ts";
import type { Attempt, Grant } from "./attempt.ts";
import type { HeldLock, Hold, HoldRequest } from "./hold.ts";
import { thisOwner, valueOf } from "./holder_value.ts";
import { tellGrant } from "./lease_events.ts";
import { safeTime } from "./lease.ts";
import type { LeaseDeadline } from "./lease_deadline.ts";
import type { LeaseBackend, LeaseServer } from "./lease_server.ts";
import type { Sleeper } from "./sleeper.ts";

/** How the holds of a {@linkcode LeaseSource} begin and go on. */
export interface LeaseUse<Request extends HoldRequest, Held extends Hold<Request>, Guard> {
  /** Makes the guard of a grant, whose hold it adds to {@linkcode LeaseSource.holds}. */
  guard(request: Request, grant: Grant): Guard | Promise<Guard>;
  /** Called when the last guard was released. Returns whether the hold goes on for another task. */
  passOn?(hold: Held): boolean;
}

/** What a lock and a semaphore do alike: ask the servers for leases, wait for them, and close. */
export class LeaseSource<Request extends HoldRequest, Held extends Hold<Request>, Guard>
  implements AcquireTarget<Request>, HeldLock<Request> {
  readonly name: string;
  readonly maxHold: number;
  readonly server: LeaseServer<Request>;
  readonly wakeChannel: LeaseBackend<Request>["wakeChannel"];
  readonly sleepers: Set<Sleeper> = new Set();
  readonly inFlight: InFlight = new InFlight();
  /** What is held now, to be released by {@linkcode close}. */
  readonly holds: Set<Held> = new Set();

  readonly #backend: LeaseBackend<Request>;
  readonly #owner: string;
  readonly #use: LeaseUse<Request, Held, Guard>;
  #requestCount = 0;
  #closed: Promise<void> | undefined;

  /** Sends nothing before something is acquired. */
  constructor(
    name: string,
    { maxHold, label }: { readonly maxHold: number; readonly label: string | undefined },
    backend: LeaseBackend<Request>,
    use: LeaseUse<Request, Held, Guard>,
  ) {
    this.name = name;
    this.maxHold = maxHold;
    this.#backend = backend;
    this.server = backend.server;
    this.wakeChannel = backend.wakeChannel;
    this.#owner = thisOwner(label);
    this.#use = use;
  }

  /** The value of a new request, and what the name of its waiter is made of. */
  newRequest(): { value: string; client: string; number: number } {
    const { client } = this.#backend;
    const number = ++this.#requestCount;
    return { value: valueOf(client, number, this.#owner), client, number };
  }

  /** Asks once; `undefined` if it is not granted, or too late. */
  tryAcquire(request: Request): Promise<Guard | undefined> {
    return this.inFlight.track(this.#try(request));
  }

  /** Asks until it is granted. */
  acquire(request: Request, waiter: string, deadline: LeaseDeadline): Promise<Guard> {
    return this.inFlight.track(this.#wait(request, waiter, deadline));
  }

  keeps(hold: Held): boolean {
    if (this.#use.passOn?.(hold)) return true;
    this.holds.delete(hold);
    return false;
  }

  isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Checks that it is not closed.
   *
   * @throws {TypeError} If it is.
   */
  checkOpen(): void {
    if (this.isClosed()) throw new TypeError(`Cannot use "${this.name}": it was closed`);
  }

  /**
   * Ends the waits, waits for the answers under way, releases the holds, of which their signals tell,
   * and ends the connections.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    try {
      for (const sleeper of this.sleepers) sleeper.wake(); // They see that it is closed.
      this.#backend.stopWaiting();
      const lost = () => new LockLostError(`Lost "${this.name}": it was closed while it was held`);
      const end = () => Promise.allSettled([...this.holds].map((hold) => hold.end(lost())));
      await Promise.all([end(), this.inFlight.idle()]);
      await end(); // What was granted meanwhile.
    } finally {
      this.wakeChannel.end();
      await this.#backend.close();
    }
  }

  async #try(request: Request): Promise<Guard | undefined> {
    let attempt: Attempt;
    try {
      attempt = await this.server.attempt(request);
    } catch (error) {
      abandonRequest(this, request); // It may have been granted.
      throw error;
    }
    if (!attempt.granted) return undefined;
    this.#refuseClosed(request);
    const inTime = millisecondsSince(attempt.sent) < safeTime(request.leaseTime);
    if (inTime) tellGrant(this.name, attempt, 0);
    if (inTime) return await this.#use.guard(request, attempt);
    await this.server.withdraw(request);
    return undefined;
  }

  async #wait(request: Request, waiter: string, deadline: LeaseDeadline): Promise<Guard> {
    const start = performance.now();
    const grant = await waitForGrant(this, request, waiter, deadline);
    this.#refuseClosed(request);
    tellGrant(this.name, grant, performance.now() - start);
    return await this.#use.guard(request, grant);
  }

  /** Gives a grant back that came while this was closed. */
  #refuseClosed(request: Request): void {
    if (!this.isClosed()) return;
    abandonRequest(this, request);
    this.checkOpen();
  }
}
