import type { Owner } from "../../contract/owner.ts";
import { type Instant, thisInstant } from "../../runtime/waiting/instant.ts";
import { isTemporary, UnreachableError } from "../client/errors.ts";
import { InFlight } from "../client/in_flight.ts";
import { retry } from "../client/retry.ts";
import type { Attempt } from "../lease/attempt.ts";
import { type LockRequest, ServerLock } from "../server_lock/server_lock.ts";
import { briefly } from "./briefly.ts";
import { grants, mostOf } from "./grants.ts";
import { type FailedServer, quorumError } from "./quorum_error.ts";
import type { QuorumServer } from "./quorum_server.ts";
import { pauseAfter, type QuorumTicket, refused, ticketIn, unconfirmed } from "./refusal.ts";
import { type Confirmation, RestartGuard } from "./restart_guard.ts";
import { ServerIdentities } from "./server_identities.ts";
import { collectReplies, countReplies, errorsOf, type ServerReply } from "./server_replies.ts";

/** How long a server is told again in the background that a vote is released, in milliseconds. */
const PERSIST_MS = 10_000;
/** A value that holds nothing. */
const NO_HOLDER = "-";

/** A round of questions to the servers for one request. */
interface Round {
  /**
   * The value that the servers are asked with: another one for each round, since the late release
   * of a vote must not take the vote of a later round.
   */
  readonly value: string;
  readonly asked: Promise<Attempt>[];
  /** Whether its votes are being released, so that no more servers are asked for one. */
  isOver: boolean;
}

/**
 * One lock of several servers that know nothing of one another: the client holds it to which a
 * majority has granted it. Answers the same questions as a {@linkcode ServerLock}.
 *
 * The algorithm is that of the Redis documentation ("Distributed Locks with Redis"), with tokens
 * added: each server mints its own, and the greatest counts. It is told to a majority of the
 * servers before the lock counts as held. The next majority has a server in common with this one,
 * so it mints a greater token.
 */
export class QuorumLock {
  readonly what: string;
  /** How many votes are needed. */
  readonly quorum: number;
  readonly #servers: readonly QuorumServer[];
  /** The lock at each of the servers. */
  readonly locks: readonly ServerLock[];
  readonly #identities: ServerIdentities;
  readonly #guard: RestartGuard | undefined;
  /** The operations under way that no caller waits for. */
  readonly #inFlight = new InFlight();
  #isClosing = false;
  /** The last round of each request, by its value. */
  readonly #rounds = new Map<string, Round>();
  #roundCount = 0;

  /**
   * The lock called `name`.
   *
   * @param settings Its lease, and whether a server that may have forgotten a vote in a restart has
   * none until the lease of that vote would have ended: a number is the longest lease of all
   * clients.
   * @throws {TypeError} If the name cannot be used.
   */
  constructor(
    servers: readonly QuorumServer[],
    name: string,
    { leaseTime, restartGuard }: { leaseTime: number; restartGuard: boolean | number },
  ) {
    this.#servers = servers;
    this.locks = servers.map(({ adapter }) => new ServerLock(adapter, name));
    this.quorum = Math.floor(servers.length / 2) + 1;
    this.what = this.locks[0].what;
    this.#identities = new ServerIdentities(this.what, servers, this.quorum);
    if (restartGuard === false) return;
    const [lease, isLongest] = restartGuard === true ? [leaseTime, false] : [restartGuard, true];
    this.#guard = new RestartGuard(servers, this.#identities, name, lease, isLongest);
  }

  /** Acquires the lock, or queues for it at the servers that do not grant it. */
  async attempt(request: LockRequest, waiter?: string, ticket?: string): Promise<Attempt> {
    const last = ticketIn(ticket, this.#servers.length);
    const began = this.#identities.check().then(() => pauseAfter(last.ties)).then(thisInstant);
    const round = this.#begin(request, async (lock, value, i) => {
      await began;
      return await lock.attempt({ ...request, value, fair: false }, waiter, last.tickets[i]);
    });
    const attempt = await this.#poll("acquire", request, round, began, last);
    if (attempt.granted) this.#leaveQueues(request, round.asked, waiter);
    return attempt;
  }

  /**
   * Makes a shared hold exclusive, if no other client shares the lock at a majority of the servers.
   * This is without a gap: each of these servers changes from the shared to the exclusive hold in
   * one step, and any other sharer has a server in common with them. A server that was restarted
   * may have forgotten another sharer, so it counts only when its votes count. If it is not
   * granted, some servers may have lost the shared hold, which must then be released.
   */
  async upgrade(request: LockRequest, next: LockRequest): Promise<Attempt | undefined> {
    const shared = this.#rounds.get(request.value);
    if (shared === undefined) return undefined;
    shared.isOver = true;
    const began = Promise.resolve(thisInstant());
    const first = ticketIn(undefined, this.#servers.length);
    const round = this.#begin(next, async (lock, value) => {
      const attempt = await lock.upgrade({ ...request, value: shared.value }, { ...next, value });
      return attempt ?? { granted: false, look: 0, ticket: "", holder: undefined };
    });
    const attempt = await this.#poll("upgrade", next, round, began, first, request.value);
    if (!attempt.granted) return attempt;
    // The servers that have not changed it still have the shared hold.
    this.release(request).catch(() => this.#rounds.delete(request.value)); // Its lease ends it.
    return attempt;
  }

  /**
   * Makes an exclusive hold shared, at a majority of the servers. The others keep the exclusive
   * hold until its lease ends: it counts for nothing, since it is no majority and is not renewed.
   */
  async downgrade(request: LockRequest): Promise<boolean> {
    const round = this.#rounds.get(request.value);
    if (round === undefined) return false;
    const { value } = round;
    const answers = this.locks.map((lock) => lock.downgrade({ ...request, value }));
    for (const answer of answers) this.#inFlight.track(answer).catch(() => {});
    return await this.#decide("downgrade", answers);
  }

  #begin(
    { value }: LockRequest,
    ask: (lock: ServerLock, value: string, i: number) => Promise<Attempt>,
  ): Round {
    const unique = `${++this.#roundCount}.${value}`;
    const asked = this.locks.map((lock, i) => ask(lock, unique, i));
    for (const answer of asked) answer.catch(() => {}); // It may be that nothing is asked at all.
    const round = { value: unique, asked, isOver: false };
    // A release, even before the servers were asked, knows what to release.
    this.#rounds.set(value, round);
    return round;
  }

  /** Waits until a majority decides, and releases what was granted if it is too little. */
  async #poll(
    verb: string,
    request: LockRequest,
    round: Round,
    began: Promise<Instant>,
    last: QuorumTicket,
    before = request.value,
  ): Promise<Attempt> {
    const sent = await began;
    const replies = await collectReplies(round.asked, (replies, missing) => {
      const yes = countReplies(replies, ({ granted }) => granted);
      return yes >= this.quorum || yes + missing < this.quorum;
    });
    const granted = grants(replies);
    if (granted.length >= this.quorum) {
      const token = request.shared ? undefined : Math.max(...granted.map(({ token = 0 }) => token));
      const confirmed = await this.#confirm(request, round, token);
      if (this.#count(confirmed).votes >= this.quorum && this.#identities.areDistinct) {
        const isOwn = (value: string) =>
          value.endsWith(`.${request.value}`) || value.endsWith(`.${before}`);
        const previous = granted.map(({ previous }) => previous)
          .find((value) => value !== undefined && !isOwn(value));
        return { granted: true, sent, token, previous };
      }
      await this.#giveUp(request, round, replies);
      this.#identities.compare();
      this.#requireQuorum(verb, confirmed);
      return unconfirmed(this.#guard?.delays(confirmed) ?? [], last);
    }
    await this.#giveUp(request, round, replies);
    this.#requireQuorum(verb, replies);
    return refused(replies, this.quorum, last);
  }

  /** Tells a majority the token, and asks it whether its votes count. */
  #confirm(
    request: LockRequest,
    { value, asked }: Round,
    token: number | undefined,
  ): Promise<ServerReply<Confirmation>[]> {
    const { tokens = 1 } = request;
    const confirm = async (i: number): Promise<Confirmation> => {
      const attempt = await asked[i];
      const behind = attempt.granted && token !== undefined && (attempt.token ?? 0) < token;
      const [stands, guarded] = await Promise.all([
        behind ? this.locks[i].raise({ ...request, value }, token + tokens - 1) : attempt.granted,
        // Also a server that has not granted it may know of a longer lease.
        this.#guard?.ask(i) ?? { up: Infinity, longest: 0 },
      ]);
      return { stands, ...guarded };
    };
    return collectReplies(asked.map((_, i) => confirm(i)), (replies, missing) => {
      const { sure } = this.#count(replies);
      const stands = countReplies(replies, ({ stands }) => stands);
      return sure >= this.quorum || stands + missing < this.quorum;
    });
  }

  /** How many votes count, and how many surely do, whatever other servers answer. */
  #count(replies: readonly ServerReply<Confirmation>[]): { votes: number; sure: number } {
    if (this.#guard !== undefined) return this.#guard.count(replies);
    const votes = countReplies(replies, ({ stands }) => stands);
    return { votes, sure: votes };
  }

  /** The majority has granted the lock: the waiter leaves the queues of the other servers. */
  #leaveQueues(
    request: LockRequest,
    asked: readonly Promise<Attempt>[],
    waiter: string | undefined,
  ): void {
    if (waiter === undefined) return;
    asked.forEach((answer, i) => {
      const left = answer.then(async ({ granted }) => {
        if (granted) return;
        await this.#tell(() => this.locks[i].withdraw({ ...request, value: NO_HOLDER }, waiter));
      });
      this.#inFlight.track(left).catch(() => {}); // The server drops the waiter later.
    });
  }

  /** Releases each vote that was granted, may have been, or will be. */
  async #giveUp(
    request: LockRequest,
    round: Round,
    replies: readonly ServerReply<unknown>[],
  ): Promise<void> {
    const { value, asked } = round;
    round.isOver = true;
    // Until all servers have answered, a withdrawal of the waiter must wait for them.
    Promise.allSettled(asked).then(() => {
      if (this.#rounds.get(request.value) === round) this.#rounds.delete(request.value);
    });
    const answered = new Set(replies.map(({ server }) => server));
    await Promise.all(asked.map((answer, i) => {
      const undone = mayHold(answer).then(async (mayHold) => {
        if (mayHold) await this.#tell(() => this.locks[i].withdraw({ ...request, value }));
      });
      const told = this.#inFlight.track(undone).catch(() => {}); // Else its lease ends it.
      return answered.has(i) ? told : undefined;
    }));
  }

  /**
   * Renews the lease at a majority. Servers that have lost the vote, or never gave it, are asked
   * for it again meanwhile.
   */
  async renew(request: LockRequest): Promise<boolean> {
    const round = this.#rounds.get(request.value);
    if (round === undefined) return false;
    const { value } = round;
    const answers = this.locks.map((lock) => lock.renew({ ...request, value }));
    if (!await this.#decide("renew", answers)) return false;
    answers.forEach((answer, i) => {
      const healed = answer.then(async (held) => {
        if (held || round.isOver) return;
        round.asked[i] = this.locks[i].attempt({ ...request, value, fair: false });
        await round.asked[i];
        await this.#guard?.ask(i); // It is told the lease.
      });
      this.#inFlight.track(healed).catch(() => {}); // The majority does not need it.
    });
    return true;
  }

  /** Releases the lock at all servers, also at those that have not answered yet. */
  async release(request: LockRequest): Promise<boolean> {
    const answers = this.#whenAnswered(request, (lock, request) => lock.release(request));
    const held = await this.#released(answers);
    this.#rounds.delete(request.value);
    return held;
  }

  /**
   * The answer of a majority. If half of an even number of servers have released the lock, no
   * majority has it any more, so the others are only waited for briefly.
   */
  async #released(answers: readonly Promise<boolean>[]): Promise<boolean> {
    const majority = this.#decide("release", answers);
    const half = this.#servers.length - this.quorum + 1;
    if (half === this.quorum) return await majority;
    majority.catch(() => {}); // Half of them may be enough.
    const isHalf = (replies: readonly ServerReply<boolean>[]) => {
      return countReplies(replies, Boolean) >= half;
    };
    if (!isHalf(await collectReplies(answers, isHalf))) return await majority;
    return await briefly(majority.catch(() => true)) ?? true;
  }

  /**
   * Releases what a request may have got and was not used: votes, the positions of its waiter, or
   * both.
   */
  async withdraw(request: LockRequest, waiter?: string): Promise<void> {
    const answers = this.#whenAnswered(request, async (lock, request) => {
      await lock.withdraw(request, waiter);
      return true;
    });
    await this.#decide("release", answers);
    this.#rounds.delete(request.value);
  }

  /** Runs `action` for each server, after its answer to the last attempt. */
  #whenAnswered(
    request: LockRequest,
    action: (lock: ServerLock, request: LockRequest) => Promise<boolean>,
  ): Promise<boolean>[] {
    const round = this.#rounds.get(request.value);
    if (round !== undefined) round.isOver = true;
    const { value, asked } = round ?? { value: NO_HOLDER, asked: [] };
    return this.locks.map((lock, i) =>
      this.#inFlight.track((async () => {
        const tell = () => action(lock, { ...request, value });
        // Otherwise the release could overtake the request.
        const mayBeThere = asked[i] === undefined || await mayHold(asked[i]);
        return await (mayBeThere ? this.#tell(tell) : tell());
      })())
    );
  }

  /**
   * Tells a server that something has ended. If it does not answer, it is told again in the
   * background, since the answer that it does not know the script may be the one that came too
   * late. The majority does not wait for that.
   */
  #tell<T>(action: () => Promise<T>): Promise<T> {
    const first = this.#inFlight.track(action());
    const persist = async (error: unknown) => {
      if (!isTemporary(error)) return;
      const again = async () => void (this.#isClosing || await action());
      await retry(again, performance.now() + PERSIST_MS);
    };
    this.#inFlight.track(first.catch(persist)).catch(() => {}); // Its lease ends it.
    return first;
  }

  /** Ends the operations in the background, and waits for those under way. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#inFlight.idle();
  }

  /** The exclusive holder at a majority of the servers. */
  async owner(): Promise<Owner | undefined> {
    const owners = this.locks.map((lock) => lock.owner());
    const replies = await collectReplies(owners, () => false);
    this.#requireQuorum("read the owner of", replies);
    const found = replies.flatMap((reply) =>
      "answer" in reply && reply.answer ? [reply.answer] : []
    );
    const key = ({ since: _, ...owner }: Owner) => JSON.stringify(owner);
    const { value, count } = mostOf(found.map(key));
    return count < this.quorum ? undefined : found.find((owner) => key(owner) === value);
  }

  /** The answer of a majority. */
  async #decide(verb: string, answers: readonly Promise<boolean>[]): Promise<boolean> {
    const minority = this.#servers.length - this.quorum;
    const isNo = (yes: boolean) => !yes;
    const replies = await collectReplies(answers, (replies) => {
      return countReplies(replies, Boolean) >= this.quorum ||
        countReplies(replies, isNo) > minority;
    });
    if (countReplies(replies, Boolean) >= this.quorum) return true;
    if (countReplies(replies, isNo) > minority) return false;
    throw this.#error(verb, errorsOf(replies));
  }

  /** Throws if too few servers have answered. */
  #requireQuorum(verb: string, replies: readonly ServerReply<unknown>[]): void {
    const failed = errorsOf(replies);
    if (this.#servers.length - failed.length < this.quorum) throw this.#error(verb, failed);
  }

  #error(verb: string, failed: readonly FailedServer[]): unknown {
    const isUndone = verb === "acquire";
    return quorumError(`${verb} ${this.what}`, this.#servers, this.quorum, failed, isUndone);
  }
}

/** Whether a server may have granted what it was asked for. */
function mayHold(answer: Promise<Attempt>): Promise<boolean> {
  return answer.then(
    ({ granted }) => granted,
    (error) => !(error instanceof UnreachableError) || error.mayHaveHappened,
  );
}
