import type { Owner } from "../contract/owner.ts";
import { thisMoment } from "../runtime/moment.ts";
import { grants, mostOf, refusals, type Refused } from "./ballots.ts";
import { InFlight } from "./in_flight.ts";
import { type FailedVote, failureOf } from "./majority_failure.ts";
import { type Later, laterAt } from "./restart_guard.ts";
import { type Attempt, type LockRequest, ServerLock } from "./server_lock.ts";
import type { Voter } from "./voter.ts";
import { collectVotes, countVotes, errorsOf, type Vote } from "./votes.ts";

/** Between two tries of those that split the votes: up to that, more with each tie. */
const TIE_MS = 4;
const LONGEST_TIE_MS = 250;

/** What a server says to a token of others: whether its vote stands, or counts only later. */
type Confirmation = boolean | Later;

/** A value that holds nothing. */
const NOBODY = "-";

/** What is under way for one value. */
interface Candidacy {
  /**
   * The value that the servers are asked with: another one each time, since the release of a vote
   * that came too late must not take one that was given later.
   */
  readonly value: string;
  readonly asked: readonly Promise<Attempt>[];
  /** Whether it is being released, so that no more servers are asked for a vote. */
  isOver: boolean;
}

/**
 * One lock by the votes of several servers that know nothing of one another: it is held by whom
 * more than half of them hold it for. Answers the same questions as a {@linkcode ServerLock}.
 *
 * The algorithm is that of the Redis documentation ("Distributed Locks with Redis"), with tokens
 * added: each server mints its own, the greatest counts and is brought to a majority of the servers
 * before anybody is told, so that the next majority, which shares a server with this one, mints a
 * greater one.
 */
export class Majority {
  readonly what: string;
  /** How many votes it takes. */
  readonly quorum: number;
  readonly #voters: readonly Voter[];
  /** The lock at each of the servers. */
  readonly locks: readonly ServerLock[];
  readonly #restartGuard: boolean;
  /** The operations under way to servers that are not waited for. */
  readonly inFlight: InFlight = new InFlight();
  readonly #candidacies = new Map<string, Candidacy>();
  #rounds = 0;

  /**
   * The lock of that name.
   *
   * @param restartGuard Whether a server that may have forgotten a vote in a restart has none until
   * the lease of that vote would have ended.
   * @throws {TypeError} If the name cannot be used.
   */
  constructor(voters: readonly Voter[], name: string, restartGuard: boolean) {
    this.#voters = voters;
    this.locks = voters.map(({ adapter }) => new ServerLock(adapter, name));
    this.#restartGuard = restartGuard;
    this.quorum = Math.floor(voters.length / 2) + 1;
    this.what = this.locks[0].what;
  }

  /** Takes the lock, or a place in the queues of those servers that do not give it. */
  async attempt(request: LockRequest, waiter?: string, ticket?: string): Promise<Attempt> {
    const { tickets, ties } = ticketsIn(ticket);
    const value = `${++this.#rounds}.${request.value}`;
    const began = (ties > 0 ? pauseAfter(ties) : Promise.resolve()).then(thisMoment);
    const asked = this.locks.map(async (lock, i) => {
      await began;
      return await lock.attempt({ ...request, value, fair: false }, waiter, tickets[i]);
    });
    const candidacy = { value, asked, isOver: false };
    // Before the pause, so that a release meanwhile knows what there is to be released after it.
    this.#candidacies.set(request.value, candidacy);
    const sent = await began;
    const votes = await collectVotes(asked, (votes, missing) => {
      const yes = countVotes(votes, ({ granted }) => granted);
      return yes >= this.quorum || yes + missing < this.quorum;
    });
    const granted = grants(votes);
    if (granted.length >= this.quorum) {
      const token = request.shared ? undefined : Math.max(...granted.map(({ token = 0 }) => token));
      const confirmed = await this.#confirm(request, candidacy, token);
      if (countVotes(confirmed, (answer) => answer === true) >= this.quorum) {
        this.#leaveQueues(request, asked, waiter);
        const previous = granted.map(({ previous }) => previous)
          .find((value) => value !== undefined && !value.endsWith(`.${request.value}`));
        return { granted: true, sent, token, previous };
      }
      await this.#giveUp(request, candidacy, votes);
      return this.#unconfirmed(confirmed, tickets, ties);
    }
    await this.#giveUp(request, candidacy, votes);
    return this.#defeat(votes, granted.length, tickets, ties);
  }

  /** Has a majority know the token, and asks it whether its votes count. */
  #confirm(
    request: LockRequest,
    { value, asked }: Candidacy,
    token: number | undefined,
  ): Promise<Vote<Confirmation>[]> {
    const { leaseTime, tokens = 1 } = request;
    const confirm = async (i: number): Promise<Confirmation> => {
      const attempt = await asked[i];
      if (!attempt.granted) return false;
      const behind = token !== undefined && (attempt.token ?? 0) < token;
      const [stands, later] = await Promise.all([
        behind ? this.locks[i].raise({ ...request, value }, token + tokens - 1) : true,
        this.#restartGuard ? laterAt(this.#voters[i], leaseTime) : undefined,
      ]);
      return stands && (later ?? true);
    };
    return collectVotes(asked.map((_, i) => confirm(i)), (votes, missing) => {
      const yes = countVotes(votes, (answer) => answer === true);
      return yes >= this.quorum || yes + missing < this.quorum;
    });
  }

  /** Who had enough votes, of which too few count. */
  #unconfirmed(
    votes: readonly Vote<Confirmation>[],
    tickets: readonly string[],
    ties: number,
  ): Refused {
    const failed = errorsOf(votes);
    if (this.#voters.length - failed.length < this.quorum) throw this.#failure("take", failed);
    const later = votes.flatMap((vote) =>
      "answer" in vote && typeof vote.answer === "object" ? [vote.answer] : []
    );
    const look = later.length > 0 ? Math.min(...later.map((answer) => answer.in)) : 0;
    const why = later.map(({ why }) => why).join("; ") || undefined;
    const next = this.#voters.map((_, i) => tickets[i] ?? "");
    return { granted: false, look, ticket: [...next, ties + 1].join(","), holder: undefined, why };
  }

  /** Whoever has won by others waits no more where it was refused. */
  #leaveQueues(
    request: LockRequest,
    asked: readonly Promise<Attempt>[],
    waiter: string | undefined,
  ): void {
    if (waiter === undefined) return;
    asked.forEach((answer, i) => {
      const left = answer.then(async ({ granted }) => {
        if (!granted) await this.locks[i].withdraw({ ...request, value: NOBODY }, waiter);
      });
      this.inFlight.track(left).catch(() => {}); // The place ends by itself.
    });
  }

  /** Gives back each vote that was given, or may have been, or will be. */
  async #giveUp(
    request: LockRequest,
    { value, asked }: Candidacy,
    votes: readonly Vote<unknown>[],
  ): Promise<void> {
    this.#candidacies.delete(request.value);
    const answered = new Set(votes.map(({ server }) => server));
    await Promise.all(asked.map((answer, i) => {
      const undone = answer.then(({ granted }) => granted, () => true).then(async (mayHold) => {
        if (mayHold) await this.locks[i].withdraw({ ...request, value });
      });
      const told = this.inFlight.track(undone).catch(() => {}); // It ends with its lease.
      return answered.has(i) ? told : undefined;
    }));
  }

  #defeat(
    votes: readonly Vote<unknown>[],
    yes: number,
    tickets: readonly string[],
    ties: number,
  ): Refused {
    const failed = errorsOf(votes);
    const servers = new Set(failed.map(({ server }) => server));
    if (this.#voters.length - servers.size < this.quorum) throw this.#failure("take", failed);
    const refused = refusals(votes as readonly Vote<Attempt>[]);
    const next = this.#voters.map((_, i) =>
      refused.find(({ server }) => server === i)?.answer.ticket || tickets[i] || ""
    );
    const holder = mostOf(refused.map(({ answer }) => answer.holder));
    const looks = refused.map(({ answer }) => answer.look).sort((a, b) => a - b);
    const look = looks[Math.max(0, this.quorum - yes - 1)] ?? looks.at(-1) ?? 0;
    // Who got some of the votes has split them with somebody, or a server has just come back.
    const split = yes > 0;
    const certain = split && holder.count + servers.size < this.quorum;
    return {
      granted: false,
      look: certain ? 0 : split ? Math.min(look, LONGEST_TIE_MS) : look,
      ticket: [...next, split ? ties + 1 : 0].join(","),
      holder: certain ? undefined : holder.value,
    };
  }

  /**
   * Makes the lease begin anew, by a majority. Servers that have lost the vote, or never gave it,
   * are asked for it again meanwhile.
   */
  async renew(request: LockRequest): Promise<boolean> {
    const candidacy = this.#candidacies.get(request.value);
    if (candidacy === undefined) return false;
    const { value } = candidacy;
    const answers = this.locks.map((lock) => lock.renew({ ...request, value }));
    if (!await this.#decide("renew", answers)) return false;
    answers.forEach((answer, i) => {
      const healed = answer.then(async (held) => {
        if (held || candidacy.isOver) return;
        await this.locks[i].attempt({ ...request, value, fair: false });
      });
      this.inFlight.track(healed).catch(() => {}); // It is not needed.
    });
    return true;
  }

  /** Gives the lock back at all servers, also at those that have not answered yet. */
  async release(request: LockRequest): Promise<boolean> {
    const answers = this.#whenAnswered(request, (lock, request) => lock.release(request));
    const held = await this.#decide("release", answers);
    this.#candidacies.delete(request.value);
    return held;
  }

  /**
   * Gives back what a request may have got, and nobody has used: votes, the places of its waiter,
   * whichever are there.
   */
  async withdraw(request: LockRequest, waiter?: string): Promise<void> {
    const answers = this.#whenAnswered(request, async (lock, request) => {
      await lock.withdraw(request, waiter);
      return true;
    });
    await this.#decide("release", answers);
    this.#candidacies.delete(request.value);
  }

  /** Does something at each server, after its answer to the last attempt. */
  #whenAnswered(
    request: LockRequest,
    action: (lock: ServerLock, request: LockRequest) => Promise<boolean>,
  ): Promise<boolean>[] {
    const candidacy = this.#candidacies.get(request.value);
    if (candidacy !== undefined) candidacy.isOver = true;
    const { value, asked } = candidacy ?? { value: NOBODY, asked: [] };
    return this.locks.map((lock, i) =>
      this.inFlight.track((async () => {
        await asked[i]?.catch(() => {}); // Otherwise the release could overtake the request.
        return await action(lock, { ...request, value });
      })())
    );
  }

  /** Who holds the lock at a majority of the servers. */
  async owner(): Promise<Owner | undefined> {
    const owners = this.locks.map((lock) => lock.owner());
    const votes = await collectVotes(owners, () => false);
    const failed = errorsOf(votes);
    if (this.#voters.length - failed.length < this.quorum) throw this.#failure("look at", failed);
    const found = votes.flatMap((vote) => "answer" in vote && vote.answer ? [vote.answer] : []);
    const key = ({ since: _, ...owner }: Owner) => JSON.stringify(owner);
    const { value, count } = mostOf(found.map(key));
    return count < this.quorum ? undefined : found.find((owner) => key(owner) === value);
  }

  /** What a majority says. */
  async #decide(what: string, answers: readonly Promise<boolean>[]): Promise<boolean> {
    const lost = this.#voters.length - this.quorum;
    const votes = await collectVotes(answers, (votes) => {
      return countVotes(votes, Boolean) >= this.quorum || countVotes(votes, (yes) => !yes) > lost;
    });
    if (countVotes(votes, Boolean) >= this.quorum) return true;
    if (countVotes(votes, (yes) => !yes) > lost) return false;
    throw this.#failure(what, errorsOf(votes));
  }

  #failure(verb: string, failed: readonly FailedVote[]): unknown {
    return failureOf(`${verb} ${this.what}`, this.#voters, this.quorum, failed, verb === "take");
  }
}

function ticketsIn(ticket: string | undefined): { tickets: string[]; ties: number } {
  const parts = ticket ? ticket.split(",") : [];
  return { ties: Number(parts.pop() ?? 0), tickets: parts };
}

function pauseAfter(ties: number): Promise<void> {
  const most = Math.min(TIE_MS * 2 ** Math.min(ties, 10), LONGEST_TIE_MS);
  return new Promise((resolve) => setTimeout(resolve, Math.random() * most));
}
