import type { Owner } from "../contract/owner.ts";
import { thisMoment } from "../runtime/moment.ts";
import type { RedisAdapter } from "./adapter.ts";
import { explain, MisconfiguredError, RefusedError, UnreachableError } from "./errors.ts";
import { type Attempt, type LockRequest, ServerLock } from "./server_lock.ts";
import { collectVotes, countVotes, errorsOf, type Vote } from "./votes.ts";

/** One of the servers that vote. */
export interface Voter {
  readonly adapter: RedisAdapter;
  /** What to call it in messages. */
  readonly label: string;
}

/** How much longer a server has to be up than a lease: its INFO counts whole seconds. */
const UPTIME_MS = 1000;
/** Between two tries of those that split the votes: up to that, more with each tie. */
const TIE_MS = 4;
const LONGEST_TIE_MS = 250;

/** What a server says to a token of others: whether its vote stands, or counts only later. */
type Confirmation = boolean | {
  readonly counts: "later";
  readonly in: number;
  readonly why: string;
};

/** A value that holds nothing. */
const NOBODY = "-";

type Granted = Attempt & { granted: true };
type Refused = Attempt & { granted: false };

/** What is under way for one value. */
interface Candidacy {
  /**
   * The value that the servers are asked with: another one each time, since the release of a vote
   * that came too late must not take one that was given later.
   */
  readonly value: string;
  readonly asked: readonly Promise<Attempt>[];
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
  async attempt(request: LockRequest): Promise<Attempt> {
    const { tickets, ties } = ticketsIn(request.ticket);
    const value = `${++this.#rounds}.${request.value}`;
    const began = (ties > 0 ? pauseAfter(ties) : Promise.resolve()).then(thisMoment);
    const asked = this.locks.map(async (lock, i) => {
      await began;
      return await lock.attempt({ ...request, value, ticket: tickets[i] });
    });
    const candidacy = { value, asked };
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
        this.#leaveQueues(request, asked);
        const previous = granted.map(({ previous }) => previous)
          .find((value) => value !== undefined && !value.endsWith(`.${request.value}`));
        return { granted: true, sent, token, previous };
      }
      await this.#withdraw(request, candidacy, votes);
      return this.#unconfirmed(confirmed, tickets, ties);
    }
    await this.#withdraw(request, candidacy, votes);
    return this.#defeat(votes, granted.length, tickets, ties);
  }

  /** Has a majority know the token, and asks it whether its votes count. */
  #confirm(
    { leaseTime, tokens = 1 }: LockRequest,
    { value, asked }: Candidacy,
    token: number | undefined,
  ): Promise<Vote<Confirmation>[]> {
    const confirm = async (i: number): Promise<Confirmation> => {
      const attempt = await asked[i];
      if (!attempt.granted) return false;
      const behind = token !== undefined && (attempt.token ?? 0) < token;
      const [stands, later] = await Promise.all([
        behind ? this.locks[i].raise(value, token + tokens - 1) : true,
        this.#restartGuard ? this.#laterAt(i, leaseTime) : undefined,
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
  #leaveQueues(request: LockRequest, asked: readonly Promise<Attempt>[]): void {
    if (request.waiter === undefined) return;
    asked.forEach((answer, i) => {
      answer.then(async ({ granted }) => {
        if (!granted) await this.locks[i].release({ ...request, value: NOBODY });
      }).catch(() => {}); // The place ends by itself.
    });
  }

  /** Gives back each vote that was given, or may have been, or will be. */
  async #withdraw(
    request: LockRequest,
    { value, asked }: Candidacy,
    votes: readonly Vote<unknown>[],
  ): Promise<void> {
    this.#candidacies.delete(request.value);
    const answered = new Set(votes.map(({ server }) => server));
    await Promise.all(asked.map((answer, i) => {
      const undone = answer.then(({ granted }) => granted, () => true).then((mayHold) => {
        return mayHold && this.locks[i].release({ ...request, value, waiter: undefined });
      }).catch(() => {}); // It ends with its lease.
      return answered.has(i) ? undone : undefined;
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
      answer.then(async (held) => {
        if (held || this.#candidacies.get(request.value) !== candidacy) return;
        await this.locks[i].attempt({ ...request, value, waiter: undefined, ticket: undefined });
      }).catch(() => {}); // It is not needed.
    });
    return true;
  }

  /** Gives the lock back at all servers, also at those that have not answered yet. */
  async release(request: LockRequest): Promise<boolean> {
    const { value, asked } = this.#candidacies.get(request.value) ?? { value: NOBODY, asked: [] };
    const answers = this.locks.map(async (lock, i) => {
      await asked[i]?.catch(() => {}); // Else the release could overtake it.
      return await lock.release({ ...request, value });
    });
    const held = await this.#decide("release", answers);
    this.#candidacies.delete(request.value);
    return held;
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

  /**
   * When the vote of a server counts; `undefined` where it does now. After a restart it may have
   * forgotten whom it has voted for, so it does not until that vote would have ended.
   */
  async #laterAt(i: number, leaseTime: number): Promise<Confirmation | undefined> {
    const { adapter, label } = this.#voters[i];
    let info: unknown;
    try {
      info = await adapter.send("INFO", "server");
    } catch (error) {
      throw explain("ask a server how long it has been up", error);
    }
    const up = 1000 * Number(/uptime_in_seconds:(\d+)/.exec(String(info))?.[1]);
    if (up >= leaseTime + UPTIME_MS) return undefined;
    const why = `${label} has been up for ${up / 1000} s and may have forgotten a holder, so it ` +
      "does not vote before a lease has passed (restartGuard)";
    return { counts: "later", in: leaseTime + UPTIME_MS - up, why };
  }

  /** Why too few servers have answered: by the gravest of their reasons, with all of them. */
  #failure(what: string, failed: readonly { server: number; error: unknown }[]): unknown {
    const errors = failed.map(({ error }) => error);
    const own = errors.find((error) => !(error instanceof Error)) ??
      errors.find((error) => error instanceof TypeError);
    if (own !== undefined) return own;
    const reasons = failed.map(({ server, error }) =>
      `${this.#voters[server].label}: ${(error as Error).message}`
    );
    const message = `Cannot ${what} ${this.what}: ${failed.length} of ` +
      `${this.#voters.length} servers do not vote, and ${this.quorum} have to. ${
        reasons.join("; ")
      }`;
    const options = { cause: new AggregateError(errors, message) };
    for (const error of errors) {
      if (error instanceof MisconfiguredError) {
        return new MisconfiguredError(message, error.code, options);
      }
    }
    if (errors.every((error) => error instanceof RefusedError)) {
      return new RefusedError(message, errors[0].code, options);
    }
    const unreachable = errors.filter((error) => error instanceof UnreachableError);
    if (unreachable.length === 0) return errors[0];
    const unsure = what !== "take" && unreachable.some(({ mayHaveHappened }) => mayHaveHappened);
    return new UnreachableError(message, unsure, options);
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

function grants(votes: readonly Vote<Attempt>[]): Granted[] {
  return votes.flatMap((vote) => "answer" in vote && vote.answer.granted ? [vote.answer] : []);
}

function refusals(votes: readonly Vote<Attempt>[]): { server: number; answer: Refused }[] {
  return votes.flatMap((vote) =>
    "answer" in vote && !vote.answer.granted ? [{ server: vote.server, answer: vote.answer }] : []
  );
}

/** The value that is there most often. */
function mostOf(
  values: readonly (string | undefined)[],
): { value: string | undefined; count: number } {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  return { value: first?.[0], count: first?.[1] ?? 0 };
}
