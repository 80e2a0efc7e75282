import type { Instant } from "../../runtime/waiting/instant.ts";

/** The answer of a server that grants what was asked for. */
export interface Grant {
  readonly granted: true;
  /** When the request was sent; the lease began later. */
  readonly sent: Instant;
  /** The first of the tokens; `undefined` for a shared hold. */
  readonly token: number | undefined;
  /** The value of a holder that did not release the lock. */
  readonly previous: string | undefined;
  /** How long the server keeps it until it is confirmed by a renewal, if less than its lease. */
  readonly term?: number;
}

/** The answer of a server that does not grant it now. */
export interface Refusal {
  readonly granted: false;
  /** When the request was sent, if a release may grant it later. */
  readonly sent?: Instant;
  /** The last token that was minted before this answer. */
  readonly token?: number;
  /** After how many milliseconds to ask again, unless a message comes before. */
  readonly look: number;
  /** The position in the queue. */
  readonly ticket: string;
  /** The value of the exclusive holder; `r` if the lock is shared. */
  readonly holder: string | undefined;
  /** The reason, if it is another one than the holder. */
  readonly why?: string;
}

/** The answer of a server to a request for a lease. */
export type Attempt = Grant | Refusal;
