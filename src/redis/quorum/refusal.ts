import type { Attempt, Refusal } from "../lease/attempt.ts";
import { grants, mostOf, refusals } from "./grants.ts";
import type { DelayedVote } from "./restart_guard.ts";
import { errorsOf, type ServerReply } from "./server_replies.ts";

/** The pause after a tie is up to this long, and longer with each tie. */
const TIE_MS = 4;
const LONGEST_TIE_MS = 250;

/** The ticket of a waiter at several servers: it travels as one text, like that of one server. */
export interface QuorumTicket {
  /** Its tickets at the servers; empty for a server that has not queued it. */
  readonly tickets: readonly string[];
  /** How many ties with other clients it had one after the other. */
  readonly ties: number;
}

/** The ticket that a refusal by `servers` servers gave; without one, that of a first attempt. */
export function ticketIn(text: string | undefined, servers: number): QuorumTicket {
  const parts = text ? text.split(",") : Array(servers + 1).fill("");
  return { tickets: parts.slice(0, servers), ties: Number(parts[servers]) };
}

function textOf({ tickets, ties }: QuorumTicket): string {
  return [...tickets, ties].join(",");
}

/** Waits for a random time, so that the clients of a tie do not ask at the same moment again. */
export async function pauseAfter(ties: number): Promise<void> {
  if (ties === 0) return;
  const most = Math.min(TIE_MS * 2 ** Math.min(ties, 10), LONGEST_TIE_MS);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * most));
}

/** The answer if too few servers have granted the lock. */
export function refused(
  replies: readonly ServerReply<Attempt>[],
  quorum: number,
  last: QuorumTicket,
): Refusal {
  const yes = grants(replies).length;
  const no = refusals(replies);
  const ticketAt = (i: number) => no.find(({ server }) => server === i)?.answer.ticket;
  const tickets = last.tickets.map((ticket, i) => ticketAt(i) || ticket);
  const holder = mostOf(no.map(({ answer }) => answer.holder));
  const looks = no.map(({ answer }) => answer.look).sort((a, b) => a - b);
  const look = looks[Math.max(0, quorum - yes - 1)] ?? looks.at(-1) ?? 0;
  // With some of the votes, there is a tie with another client, or a server has just come back.
  const split = yes > 0;
  const certain = split && holder.count + errorsOf(replies).length < quorum;
  return {
    granted: false,
    look: certain ? 0 : split ? Math.min(look, LONGEST_TIE_MS) : look,
    ticket: textOf({ tickets, ties: split ? last.ties + 1 : 0 }),
    holder: certain ? undefined : holder.value,
  };
}

/** The answer if a majority has granted the lock, but not confirmed it. */
export function unconfirmed(delays: readonly DelayedVote[], last: QuorumTicket): Refusal {
  const look = delays.length > 0 ? Math.min(...delays.map((delay) => delay.in)) : 0;
  const why = delays.map(({ why }) => why).join("; ") || undefined;
  const ticket = textOf({ ...last, ties: last.ties + 1 });
  return { granted: false, look, ticket, holder: undefined, why };
}
