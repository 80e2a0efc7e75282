import { LockLostError, UnsupportedError } from "../../contract/errors.ts";
import { type AcquireOptions, nameOf } from "../../contract/options.ts";
import { millisecondsSince, thisInstant } from "../../runtime/waiting/instant.ts";
import {
  isTemporary,
  MisconfiguredError,
  RefusedError,
  UnreachableError,
} from "../client/errors.ts";
import { retry } from "../client/retry.ts";
import { abandonRequest, type AcquireTarget, waitForGrant } from "../lease/acquire_loop.ts";
import type { Grant } from "../lease/attempt.ts";
import { type HeldGrant, type HeldLock, Hold } from "../lease/hold.ts";
import { ownerIn } from "../lease/holder_value.ts";
import { safeTime } from "../lease/lease.ts";
import { LeaseDeadline } from "../lease/lease_deadline.ts";
import type { GuardState, SharableHold } from "../lease/lease_guard.ts";
import type { LockBackend } from "./lock_backend.ts";
import { ticketOf } from "./ticket.ts";
import type { LockRequest } from "../server_lock/server_lock.ts";

/** A lock whose holds can change their mode, as a {@linkcode LockHold} sees it. */
export interface SharableLock {
  readonly source: AcquireTarget<LockRequest> & HeldLock<LockRequest>;
  readonly backend: LockBackend;
  /** A new request, with a value of its own, and the name of its waiter. */
  request(shared: boolean): { request: LockRequest; waiter: string };
  /** The names of the lock, in their order. */
  readonly names: readonly string[];
  /** Called when a hold has changed its mode. */
  onChange(hold: LockHold): void;
  /** Called when a hold is lost by a change, or detached. */
  onGone(hold: LockHold): void;
}

/** What the guards of a grant say. */
export function stateOf({ token, previous }: Grant, shared: boolean): GuardState {
  return {
    token,
    recovered: previous !== undefined,
    previousOwner: ownerIn(previous),
    shared,
  };
}

const MISSING = "The server does not have the hold any more";
/** How long an upgrade waits for an answer after its deadline, in milliseconds. */
const ANSWER_MS = 1000;

/**
 * A hold of a lock, which can change between shared and exclusive. One change goes on at a time,
 * and neither a renewal nor a release goes on meanwhile: each of them asks the server by the mode.
 *
 * A hold gets a new value when it becomes exclusive. So a copy of an old request that arrives late
 * finds that its value holds nothing, and changes nothing.
 */
export class LockHold extends Hold<LockRequest> implements SharableHold {
  readonly #lock: SharableLock;
  /** The first of its tokens. */
  #first: number | undefined;
  /** Resolves when the change of the mode that is under way has settled. */
  #changing: Promise<void> | undefined;

  /** The hold of a grant. */
  constructor(lock: SharableLock, request: LockRequest, grant: HeldGrant, state: GuardState) {
    super(lock.source, request, grant, state);
    this.#lock = lock;
    this.#first = state.token;
  }

  /** The change of the mode that is under way. */
  get changing(): Promise<void> | undefined {
    return this.#changing;
  }

  override async release(): Promise<void> {
    while (this.#changing !== undefined) await this.#changing;
    await super.release();
  }

  override async end(why?: LockLostError): Promise<void> {
    while (this.#changing !== undefined) await this.#changing;
    this.#countTokens();
    await super.end(why);
  }

  async upgrade(options: AcquireOptions | undefined): Promise<boolean> {
    const { backend: { server } } = this.#lock;
    const deadline = new LeaseDeadline(server.what, options);
    while (this.#changing !== undefined) await deadline.wait(this.#changing);
    this.#check("upgrade", true);
    return await this.#change(async () => {
      const isInPlace = await this.#upgradeInPlace(deadline);
      if (!isInPlace) await this.#acquireAnew(deadline);
      return isInPlace;
    });
  }

  async downgrade(): Promise<void> {
    while (this.#changing !== undefined) await this.#changing;
    this.#check("downgrade", false);
    await this.#change(() => this.#downgrade());
  }

  /** The server takes back the tokens that were not used. */
  #countTokens(): void {
    const { token } = this.state;
    if (token === undefined || (this.request.tokens ?? 1) === 1) return;
    this.request = { ...this.request, used: token - this.#first! + 1 };
  }

  async detach(): Promise<string> {
    while (this.#changing !== undefined) await this.#changing;
    const { names, source } = this.#lock;
    this.#check("detach");
    if (this.guards > 1) {
      throw new Error(
        `Cannot detach "${source.name}": other guards have the hold as well. Release them first`,
      );
    }
    return await this.#change(async () => {
      await this.#detach();
      return ticketOf(names, { value: this.request.value, shared: this.state.shared });
    });
  }

  async #detach(): Promise<void> {
    const { server } = this.#lock.backend;
    if (!("handOn" in server)) {
      throw new UnsupportedError(
        `Cannot detach ${server.what}: it has several servers. Use one, or release the guard and ` +
          "let the other process acquire the lock",
      );
    }
    this.#countTokens();
    const next = { ...this.#lock.request(this.state.shared).request, tokens: 1 };
    await this.#persist("detach", next, async () => {
      return await server.handOn(this.request, next, false) !== undefined;
    });
    this.lease.end();
    this.isOver = true;
  }

  async #downgrade(): Promise<void> {
    const { backend } = this.#lock;
    this.#countTokens();
    const shared = { ...this.request, shared: true };
    let sent = thisInstant();
    await this.#persist("downgrade", shared, () => {
      sent = thisInstant();
      return backend.server.downgrade(this.request);
    });
    this.state.token = undefined;
    this.state.shared = true;
    this.lease.renewed(sent);
  }

  /**
   * Asks the server for a change until the lease ends. If it is unknown what the server holds, all
   * that it may hold is released.
   *
   * @param next The request of the hold after the change.
   * @param ask `false` if the hold is not held any more.
   */
  async #persist(what: string, next: LockRequest, ask: () => Promise<boolean>): Promise<void> {
    const { source } = this.#lock;
    const before = this.request;
    let isUnsure = false;
    let held: boolean;
    try {
      held = await retry((unsure) => {
        isUnsure = unsure;
        return ask();
      }, performance.now() + this.lease.left);
    } catch (error) {
      isUnsure ||= error instanceof UnreachableError && error.mayHaveHappened;
      if (this.#isRefusal(error) && !isUnsure) throw error;
      abandonRequest(source, next); // It releases a hold of either mode.
      if (next.value !== before.value) abandonRequest(source, before);
      throw this.#loseBy(what, error);
    }
    this.request = next;
    if (!held) throw this.#lose(what, MISSING);
    const { lost } = this.lease;
    if (lost !== undefined) {
      abandonRequest(source, next);
      throw this.#loseBy(what, lost);
    }
  }

  /** Makes a shared hold exclusive, if no other holder shares the lock. */
  async #upgradeInPlace(deadline: LeaseDeadline): Promise<boolean> {
    const { backend: { server }, source } = this.#lock;
    const { request } = this.#lock.request(false);
    const asked = server.upgrade(this.request, request);
    let attempt: Awaited<typeof asked>;
    try {
      attempt = await deadline.wait(asked, ANSWER_MS);
    } catch (error) {
      if (this.#isRefusal(error)) throw error;
      abandonRequest(source, request, undefined, asked);
      abandonRequest(source, this.request);
      if (!isTemporary(error) || deadline.isPast) throw this.#loseBy("upgrade", error);
      return false;
    }
    if (attempt === undefined) {
      throw this.#lose("upgrade", MISSING);
    }
    if (!attempt.granted) {
      deadline.refusal = attempt;
      await this.#giveUp(deadline);
      return false;
    }
    const isLate = millisecondsSince(attempt.sent) >= safeTime(request.leaseTime);
    const { lost } = this.lease;
    if (isLate || lost !== undefined) {
      abandonRequest(source, request);
      if (lost !== undefined) throw this.#loseBy("upgrade", lost);
      throw this.#lose("upgrade", "The answer came after the end of the lease");
    }
    this.#become(request, attempt);
    this.lease.renewed(attempt.sent);
    return true;
  }

  /** The hold is that of another grant now. */
  #become(request: LockRequest, grant: Grant): void {
    this.request = request;
    this.#first = grant.token;
    Object.assign(this.state, stateOf(grant, false));
  }

  /** Releases the shared hold, before the exclusive one is waited for. */
  async #giveUp(deadline: LeaseDeadline): Promise<void> {
    const { backend: { server }, source } = this.#lock;
    this.lease.suspend();
    const released = server.release(this.request);
    try {
      await deadline.wait(released, ANSWER_MS);
    } catch (error) {
      abandonRequest(source, this.request, undefined, released);
      if (!isTemporary(error)) throw this.#loseBy("upgrade", error);
    }
  }

  async #acquireAnew(deadline: LeaseDeadline): Promise<void> {
    const { lost } = this.lease;
    if (lost !== undefined) throw this.#loseBy("upgrade", lost);
    this.lease.suspend();
    const { request, waiter } = this.#lock.request(false);
    let grant: Grant;
    try {
      grant = await waitForGrant(this.#lock.source, request, waiter, deadline);
    } catch (error) {
      throw this.#loseBy("upgrade", error);
    }
    this.#become(request, grant);
    this.lease.resume(grant.sent, grant.term);
  }

  /** Throws unless there is a hold; with `shared`, of that mode. */
  #check(what: string, shared?: boolean): void {
    const { name } = this.#lock.source;
    const { lost } = this.lease;
    if (lost !== undefined) {
      throw new LockLostError(`Cannot ${what} "${name}": it was lost before`, { cause: lost });
    }
    if (shared === undefined || this.state.shared === shared) return;
    throw new Error(
      `Cannot ${what} "${name}": this guard holds it ${shared ? "exclusively" : "shared"} already`,
    );
  }

  async #change<T>(change: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#changing = promise;
    try {
      const result = await this.#lock.source.inFlight.track(this.lease.withoutRenewals(change));
      if (this.isOver) this.#lock.onGone(this);
      else this.#lock.onChange(this);
      return result;
    } finally {
      this.#changing = undefined;
      resolve();
    }
  }

  /** Whether nothing was changed: a script of one server does all or nothing. */
  #isRefusal(error: unknown): boolean {
    if (this.#lock.backend.adapter === undefined || isTemporary(error)) return false;
    return error instanceof RefusedError || error instanceof MisconfiguredError ||
      error instanceof UnsupportedError;
  }

  /** Ends the hold because of an error, or of the reason of an abort, which can be any value. */
  #loseBy(what: string, cause: unknown): LockLostError {
    return this.#lose(what, textOf(cause), { cause });
  }

  /** Ends the hold; returns the error that says why. */
  #lose(what: string, why: string, options?: ErrorOptions): LockLostError {
    const message = `Cannot ${what} "${this.#lock.source.name}": nothing is held any more. ${why}`;
    const error = new LockLostError(message, options);
    this.lease.lose(error);
    this.lease.end();
    this.isOver = true;
    this.#lock.onGone(this);
    return error;
  }
}

/** What an error says, or the reason of an abort. */
function textOf(cause: unknown): string {
  if (cause instanceof Error) return cause.message;
  return `It was aborted with ${nameOf(cause)}`;
}
