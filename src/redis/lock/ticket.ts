import { ownerIn } from "../lease/holder_value.ts";

/** A detached hold, as its ticket names it. */
export interface Ticket {
  /** The value that holds the lock. */
  readonly value: string;
  readonly shared: boolean;
}

/** Makes the ticket of a lock, by its names in their order. */
export function ticketOf(names: readonly string[], { value, shared }: Ticket): string {
  return JSON.stringify({ interlock: 1, names, shared, value });
}

/**
 * Reads a ticket.
 *
 * @param what The lock in messages.
 * @throws {TypeError} If it is no ticket, or that of another lock.
 */
export function ticketIn(ticket: unknown, names: readonly string[], what: string): Ticket {
  const { interlock, names: theirs, shared, value } = fieldsOf(ticket);
  const isTicket = interlock === 1 && Array.isArray(theirs) && typeof shared === "boolean" &&
    typeof value === "string" && ownerIn(value) !== undefined;
  if (!isTicket) {
    throw new TypeError(`Cannot attach to ${what}: a ticket must be a string made by detach`);
  }
  if (JSON.stringify(theirs) !== JSON.stringify(names)) {
    throw new TypeError(
      `Cannot attach to ${what}: this is the ticket of another lock. Use a lock of the same name`,
    );
  }
  return { value, shared };
}

function fieldsOf(ticket: unknown): Record<string, unknown> {
  try {
    return Object(JSON.parse(ticket as string));
  } catch {
    return {};
  }
}
