import { millisecondsSince } from "../runtime/moment.ts";
import { untilAnswered } from "./again.ts";
import { mayPass, UnreachableError } from "./errors.ts";
import { RELEASE_MS } from "./hold.ts";
import type { InFlight } from "./in_flight.ts";
import { reliableTime } from "./lease.ts";
import { GRACE_MS } from "./lock_scripts.ts";
import { Alarm, type Patience } from "./patience.ts";
import type { Attempt, LockRequest } from "./server_lock.ts";
import type { Wakes, Word } from "./wakes.ts";

/** An attempt that was granted. */
export type Grant = Extract<Attempt, { granted: true }>;

/** Where one competes for a lock, or for permits. */
export interface Place<Request = LockRequest> {
  readonly server: {
    /** What it is, for messages. */
    readonly what: string;
    attempt(request: Request, waiter?: string, ticket?: string): Promise<Attempt>;
    withdraw(request: Request, waiter?: string): Promise<void>;
  };
  readonly wakes: Pick<Wakes, "add" | "remove">;
  /** Who sleeps there, to be woken when it is closed. */
  readonly sleepers: Set<Alarm>;
  /** The operations under way, which `close` waits for. */
  readonly inFlight: InFlight;
  isClosed(): boolean;
}

/** How long an answer that is on its way is waited for when time has run out, in milliseconds. */
const ANSWER_MS = 1000;
const RETRY_MS = 50;
/** When one who is next looks whether the one before has come, in milliseconds. */
const NEXT_MS = GRACE_MS + 5;
/** So many answers in a row that come after their lease, and it is too short for this server. */
const LATE_ANSWERS = 3;

/**
 * Asks for a lock until it is granted, asleep in between: until it is told to ask again, and in any
 * case until the lease of the holder may have ended. A server that cannot be reached is tried again
 * for as long as a lease lasts. Whatever this ends by but a grant, nothing stays behind: what may
 * have been granted meanwhile is given back.
 *
 * @param waiter Who waits, if somebody has to.
 */
export async function compete<Request extends { readonly leaseTime: number }>(
  place: Place<Request>,
  request: Request,
  waiter: string,
  patience: Patience,
): Promise<Grant> {
  const { server, wakes } = place;
  const { leaseTime } = request;
  let bed: Bed | undefined;
  let asked: Promise<Attempt> | undefined;
  let isRefused = false;
  let failingSince: number | undefined;
  let late = 0;
  // Why the last question was not answered.
  let failure: unknown;
  // Whether the server may hold something for this request.
  let unsure = false;
  try {
    for (;;) {
      if (place.isClosed()) throw new TypeError(`Cannot take ${server.what}: it was closed`);
      let attempt: Attempt;
      const wasUnsure: boolean = unsure;
      asked = undefined;
      try {
        if (isRefused && bed === undefined) {
          const made = new Bed(place.sleepers);
          try {
            await patience.for(wakes.add(waiter, made.hear));
          } catch (error) {
            made.leave(place.sleepers);
            throw error;
          }
          bed = made;
        }
        unsure = true;
        asked = bed === undefined
          ? server.attempt(request)
          : server.attempt(request, waiter, bed.ticket);
        attempt = await patience.for(asked, ANSWER_MS);
        failingSince = failure = undefined;
      } catch (error) {
        // With a bed, the waiter may be in the queue of one of several servers.
        if (isUnsent(error) && bed === undefined) unsure = wasUnsure;
        if (!mayPass(error) || patience.isOver || place.isClosed()) throw error;
        failure = error;
        failingSince ??= performance.now();
        if (performance.now() - failingSince >= leaseTime) throw error;
        await patience.for(new Promise((resolve) => setTimeout(resolve, RETRY_MS)));
        continue;
      }
      if (attempt.granted) {
        if (place.isClosed()) continue;
        if (millisecondsSince(attempt.sent) < reliableTime(leaseTime)) {
          unsure = false;
          return attempt;
        }
        if (++late === LATE_ANSWERS || patience.isOver) throw tooLate(server.what, leaseTime);
        await server.withdraw(request).catch(() => {}); // Or it expires.
        continue;
      }
      late = 0;
      unsure = bed !== undefined;
      patience.refusal = attempt;
      isRefused = true;
      if (patience.isOver) throw patience.timeout();
      if (bed !== undefined) {
        bed.ticket = attempt.ticket;
        await patience.for(bed.sleep(attempt.look));
      }
    }
  } catch (error) {
    // More than that time has run out is known then.
    throw patience.isOver && failure !== undefined && isTimeout(error) ? failure : error;
  } finally {
    bed?.leave(place.sleepers);
    if (isRefused) wakes.remove(waiter);
    if (unsure) giveUp(place, request, bed && waiter, asked);
  }
}

/**
 * Releases what a server may have granted to the last request, or may still grant. At once, since
 * the answer may take long; and once more after the answer, since a request without an answer may
 * be sent again in a second step (with the source of the script), which arrives after what is sent
 * now.
 */
export function giveUp<Request>(
  place: Place<Request>,
  request: Request,
  waiter?: string,
  asked?: Promise<unknown>,
): void {
  // If the server cannot be reached, the lease ends it.
  place.inFlight.track(withdraw(place, request, waiter, asked)).catch(() => {});
}

async function withdraw<Request>(
  place: Place<Request>,
  request: Request,
  waiter: string | undefined,
  asked: Promise<unknown> | undefined,
): Promise<void> {
  let isAnswered = asked === undefined;
  const answered = asked?.then(() => true, (error) => !isUnsent(error)).finally(() => {
    isAnswered = true;
  });
  for (let i = 0; i < 3; i++) await undefined; // By then, an answer that has arrived was seen.
  const tell = async () => {
    try {
      await place.server.withdraw(request, waiter);
    } catch (error) {
      // After the close there is no connection.
      if (!place.isClosed() || !isUnsent(error)) throw error;
    }
  };
  const persist = () => untilAnswered(tell, performance.now() + RELEASE_MS);
  const again = isAnswered ? undefined : answered?.then((isSent) => isSent ? persist() : undefined);
  await Promise.all([persist(), again]);
}

function isUnsent(error: unknown): boolean {
  return error instanceof UnreachableError && !error.mayHaveHappened;
}

/** Where a waiter sleeps between its questions. */
class Bed {
  readonly alarm = new Alarm();
  /** Its place in the queue. */
  ticket: string | undefined;
  #sleep: ReturnType<Alarm["sleep"]> | undefined;

  constructor(sleepers: Set<Alarm>) {
    sleepers.add(this.alarm);
  }

  /** Ends the sleep, whose timer would keep the process alive. */
  leave(sleepers: Set<Alarm>): void {
    sleepers.delete(this.alarm);
    this.alarm.ring();
  }

  /** What the waiter is told. */
  readonly hear = (word: Word): void => {
    if (word === "go") this.alarm.ring();
    else this.#sleep?.shorten(NEXT_MS);
  };

  /** Sleeps for so long and a little more, so that not all wake at the same moment. */
  sleep(ms: number): Promise<void> {
    return this.#sleep = this.alarm.sleep(ms + 1 + Math.random() * ms / 10);
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function tooLate(what: string, leaseTime: number): UnreachableError {
  return new UnreachableError(
    `Cannot take ${what}: the server answers after the lease of ${leaseTime} ms has ` +
      "ended: make leaseTime longer",
    false,
  );
}
