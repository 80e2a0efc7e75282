import { millisecondsSince } from "../runtime/moment.ts";
import { RefusedError, UnreachableError } from "./errors.ts";
import { reliableTime } from "./lease.ts";
import { GRACE_MS } from "./lock_scripts.ts";
import { Alarm, type Patience } from "./patience.ts";
import { type Attempt, type LockRequest, type ServerLock } from "./server_lock.ts";
import type { Wakes } from "./wakes.ts";

/** An attempt that was granted. */
export type Grant = Extract<Attempt, { granted: true }>;

/** Where one competes for a lock. */
export interface Place {
  readonly server: Pick<ServerLock, "what" | "attempt" | "release">;
  readonly wakes: Pick<Wakes, "add" | "remove">;
  /** Who sleeps there, to be woken when it is closed. */
  readonly sleepers: Set<Alarm>;
  isClosed(): boolean;
}

/** How long an answer that is on its way is waited for when time has run out, in milliseconds. */
const ANSWER_MS = 1000;
const RETRY_MS = 50;
/** When one who is next looks whether the one before has come, in milliseconds. */
const NEXT_MS = GRACE_MS + 5;
/** So many answers in a row that come after their lease, and it is too short for this server. */
const LATE_ANSWERS = 3;

/** What a server answers for a moment only. */
const PASSING = new Set(["LOADING", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN"]);

/**
 * Asks for a lock until it is granted, asleep in between: until it is told to ask again, and in any
 * case until the lease of the holder may have ended. A server that cannot be reached is tried again
 * for as long as a lease lasts. Whatever this ends by but a grant, nothing stays behind: what may
 * have been granted meanwhile is given back.
 *
 * @param request What is asked for; `waiter` is who waits.
 */
export async function compete(
  place: Place,
  request: LockRequest & { readonly waiter: string },
  patience: Patience,
): Promise<Grant> {
  const { server, wakes, sleepers } = place;
  const { waiter, leaseTime, ...unqueued } = request;
  const alarm = new Alarm();
  let sleep: ReturnType<Alarm["sleep"]> | undefined;
  let isRefused = false;
  let listens = false as boolean;
  const listen = () => {
    listens = true;
    const listening = wakes.add(waiter, (word) => {
      if (word === "go") alarm.ring();
      else sleep?.shorten(NEXT_MS);
    });
    return listening.catch((error) => {
      listens = false;
      throw error;
    });
  };
  let ticket: string | undefined;
  let failingSince: number | undefined;
  let late = 0;
  /** Why the last question was not answered. */
  let failure: unknown;
  // Whether the server may hold something for this request.
  let unsure = false;
  try {
    for (;;) {
      if (place.isClosed()) throw new TypeError(`Cannot take ${server.what}: it was closed`);
      unsure = true;
      let attempt: Attempt;
      try {
        if (isRefused && !listens) await patience.for(listen());
        const asked = { ...unqueued, leaseTime, ...listens && { waiter, ticket } };
        attempt = await patience.for(server.attempt(asked), ANSWER_MS);
        failingSince = failure = undefined;
      } catch (error) {
        if (!mayPass(error) || patience.isOver || place.isClosed()) throw error;
        failure = error;
        failingSince ??= performance.now();
        if (performance.now() - failingSince >= leaseTime) throw error;
        await patience.for(new Promise((resolve) => setTimeout(resolve, RETRY_MS)));
        continue;
      }
      if (attempt.granted) {
        if (millisecondsSince(attempt.sent) < reliableTime(leaseTime)) {
          unsure = false;
          return attempt;
        }
        if (++late === LATE_ANSWERS || patience.isOver) throw tooLate(server.what, leaseTime);
        await server.release({ ...request, waiter: undefined }).catch(() => {}); // Or it expires.
        continue;
      }
      late = 0;
      unsure = listens;
      patience.refusal = attempt;
      if (patience.isOver) throw patience.timeout();
      isRefused = true;
      if (!listens) continue;
      ticket = attempt.ticket;
      sleepers.add(alarm);
      sleep = alarm.sleep(attempt.look + 1 + Math.random() * attempt.look / 10);
      await patience.for(sleep);
    }
  } catch (error) {
    // More than that time has run out is known then.
    throw patience.isOver && failure !== undefined && isTimeout(error) ? failure : error;
  } finally {
    alarm.ring(); // The timer of a sleep that nobody waits for would keep the process alive.
    if (listens) {
      sleepers.delete(alarm);
      wakes.remove(waiter);
    }
    // Behind the request, on the same connection. If it cannot be told, the lease ends it.
    if (unsure) {
      server.release(listens ? request : { ...request, waiter: undefined }).catch(() => {});
    }
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function mayPass(error: unknown): boolean {
  return error instanceof UnreachableError ||
    error instanceof RefusedError && PASSING.has(error.code);
}

function tooLate(what: string, leaseTime: number): UnreachableError {
  return new UnreachableError(
    `Cannot take ${what}: the server answers after the lease of ${leaseTime} ms has ` +
      "ended: make leaseTime longer",
    false,
  );
}
