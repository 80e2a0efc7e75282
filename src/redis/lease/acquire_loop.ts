import { isTimeoutError } from "../../contract/errors.ts";
import { hooks } from "../../contract/lock_events.ts";
import { millisecondsSince } from "../../runtime/waiting/instant.ts";
import { isTemporary, UnreachableError } from "../client/errors.ts";
import type { InFlight } from "../client/in_flight.ts";
import { retry } from "../client/retry.ts";
import type { Attempt, Grant, Refusal } from "./attempt.ts";
import { RELEASE_MS } from "./hold.ts";
import { reliableTime, safeTime } from "./lease.ts";
import { eventOf } from "./lease_events.ts";
import type { LeaseDeadline } from "./lease_deadline.ts";
import type { LeaseBackend, LeaseServer } from "./lease_server.ts";
import { GRACE_MS } from "./server_times.ts";
import { Sleeper } from "./sleeper.ts";
import type { Word } from "./wake_channel.ts";

/** A grant that a release has made, as a message tells it. */
interface HeardGrant {
  readonly token: number;
  readonly term: number;
}

/** A lock or a semaphore, as the acquire loop sees it. */
export interface AcquireTarget<Request> {
  /** The name of the lock in events. */
  readonly name: string;
  readonly server: LeaseServer<Request>;
  readonly wakeChannel: LeaseBackend<Request>["wakeChannel"];
  /** The tasks that sleep, to be woken when the target is closed. */
  readonly sleepers: Set<Sleeper>;
  /** The operations under way, which `close` waits for. */
  readonly inFlight: InFlight;
  /** Whether it was closed, so that nothing more is acquired. */
  isClosed(): boolean;
}

/** How long after the deadline the loop still waits for an answer, in milliseconds. */
const ANSWER_MS = 1000;
const RETRY_MS = 50;
/** How much later a waiter checks whether those before it have come, in milliseconds. */
const SLACK_MS = 5;
/** The number of late answers in a row after which the lease is too short for this server. */
const LATE_ANSWERS = 3;

/**
 * Asks for a lock until it is granted, and sleeps in between: until the waiter is woken, at the
 * latest until the lease of the holder could have ended. A server that cannot be reached is tried
 * again for the time of one lease. If the loop ends without a grant, it releases what the server
 * may have granted meanwhile.
 *
 * @param waiter The name of the waiter, for the case that it must wait.
 */
export async function waitForGrant<Request extends { readonly leaseTime: number }>(
  target: AcquireTarget<Request>,
  request: Request,
  waiter: string,
  deadline: LeaseDeadline,
): Promise<Grant> {
  const { server, wakeChannel, sleepers } = target;
  const { leaseTime } = request;
  let sleeper: Sleeper | undefined;
  let ticket: string | undefined;
  let asked: Promise<Attempt> | undefined;
  let isRefused = false;
  let failingSince: number | undefined;
  let late = 0;
  let heard: HeardGrant | undefined;
  // Why the last question was not answered.
  let failure: unknown;
  // Whether the server may hold something for this request.
  let unsure = false;
  deadline.refusal ??= { holder: undefined, why: "no server has answered" };
  try {
    for (;;) {
      if (target.isClosed()) throw new TypeError(`Cannot acquire ${server.what}: it was closed`);
      let attempt: Attempt;
      const wasUnsure: boolean = unsure;
      asked = undefined;
      try {
        // While others wait for it as well, the first question enters the queue.
        if (sleeper === undefined && (isRefused || wakeChannel.isOpen && !deadline.isPast)) {
          const added = new Sleeper();
          sleepers.add(added);
          try {
            const hears = wakeChannel.add(waiter, (word) => heard = hear(added, word) ?? heard);
            await deadline.wait(hears);
          } catch (error) {
            leave(sleepers, added);
            throw error;
          }
          sleeper = added;
        }
        unsure = true;
        asked = sleeper === undefined
          ? server.attempt(request)
          : server.attempt(request, waiter, ticket);
        attempt = await deadline.wait(asked, ANSWER_MS);
        failingSince = failure = undefined;
      } catch (error) {
        // A waiter may be in the queue of one of several servers.
        if (isUnsent(error) && sleeper === undefined) unsure = wasUnsure;
        if (!isTemporary(error) || deadline.isPast || target.isClosed()) throw error;
        failure = error;
        failingSince ??= performance.now();
        if (performance.now() - failingSince >= leaseTime) throw error;
        await deadline.wait(new Promise((resolve) => setTimeout(resolve, RETRY_MS)));
        continue;
      }
      if (attempt.granted) {
        if (target.isClosed()) continue;
        if (millisecondsSince(attempt.sent) < safeTime(leaseTime)) {
          unsure = false;
          return attempt;
        }
        if (++late === LATE_ANSWERS || deadline.isPast) throw tooLate(server.what, leaseTime);
        await server.withdraw(request).catch(() => {}); // Else its lease ends it.
        continue;
      }
      late = 0;
      unsure = sleeper !== undefined;
      deadline.refusal = attempt;
      if (!isRefused) hooks.publish?.("wait", () => eventOf(target.name));
      isRefused = true;
      if (deadline.isPast) throw deadline.timeout();
      if (sleeper !== undefined) {
        ticket = attempt.ticket;
        // A little longer than told, so that not all waiters wake at the same moment.
        let grant = grantIn(heard, attempt);
        if (grant === undefined) {
          await deadline.wait(sleeper.sleep(attempt.look * (1 + Math.random() / 10) + 1));
          grant = grantIn(heard, attempt);
        }
        if (grant === undefined || target.isClosed()) continue;
        unsure = false;
        return grant;
      }
    }
  } catch (error) {
    // The failure says more than that the time has run out.
    throw deadline.isPast && failure !== undefined && isTimeoutError(error) ? failure : error;
  } finally {
    if (sleeper !== undefined) leave(sleepers, sleeper);
    wakeChannel.remove(waiter);
    if (unsure) abandonRequest(target, request, sleeper && waiter, asked);
  }
}

/**
 * Releases what a server may have granted to the last request, or may still grant, in the
 * background. It does so at once, since the answer may take long; and again after the answer, since
 * a request without an answer may be sent again in a second step (with the source of the script),
 * which arrives after the first release.
 */
export function abandonRequest<Request>(
  target: AcquireTarget<Request>,
  request: Request,
  waiter?: string,
  asked?: Promise<unknown>,
): void {
  // If the server cannot be reached, the lease ends it.
  target.inFlight.track(withdraw(target, request, waiter, asked)).catch(() => {});
}

async function withdraw<Request>(
  target: AcquireTarget<Request>,
  request: Request,
  waiter: string | undefined,
  asked: Promise<unknown> | undefined,
): Promise<void> {
  let isAnswered = asked === undefined;
  const answered = asked?.then(() => true, (error) => !isUnsent(error)).finally(() => {
    isAnswered = true;
  });
  for (let i = 0; i < 3; i++) await undefined; // An answer that has arrived is seen by then.
  const withdrawOnce = async () => {
    try {
      await target.server.withdraw(request, waiter);
    } catch (error) {
      // After the close there is no connection.
      if (!target.isClosed() || !isUnsent(error)) throw error;
    }
  };
  const persist = () => retry(withdrawOnce, performance.now() + RELEASE_MS);
  const second = isAnswered
    ? undefined
    : answered?.then((isSent) => isSent ? persist() : undefined);
  await Promise.all([persist(), second]);
}

/** What a message does to a waiter: it wakes it, or has it look after those before it. */
function hear(sleeper: Sleeper, word: Word): HeardGrant | undefined {
  const [what, first, second] = word.split(":");
  if (what === "next") return void sleeper.wakeWithin(Number(first ?? GRACE_MS) + SLACK_MS);
  sleeper.wake();
  return what === "grant" ? { token: Number(first), term: Number(second) } : undefined;
}

/**
 * The grant that a waiter has heard of, if it was made after the refusal and there is time to
 * confirm it. Its lease began after that question was sent.
 */
function grantIn(heard: HeardGrant | undefined, { sent, token }: Refusal): Grant | undefined {
  if (heard === undefined || sent === undefined || heard.token <= (token ?? Infinity)) return;
  if (millisecondsSince(sent) >= reliableTime(heard.term) / 2) return;
  return { granted: true, sent, previous: undefined, ...heard };
}

/** Ends the sleep, whose timer would keep the process alive. */
function leave(sleepers: Set<Sleeper>, sleeper: Sleeper): void {
  sleepers.delete(sleeper);
  sleeper.wake();
}

function isUnsent(error: unknown): boolean {
  return error instanceof UnreachableError && !error.mayHaveHappened;
}

function tooLate(what: string, leaseTime: number): UnreachableError {
  return new UnreachableError(
    `Cannot acquire ${what}: the server answers after the lease of ${leaseTime} ms has ended. ` +
      "Use a longer leaseTime",
    false,
  );
}
