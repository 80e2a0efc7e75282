import type { Attempt, Grant, Refusal } from "../lease/attempt.ts";
import type { ServerReply } from "./server_replies.ts";

/** The grants among the replies. */
export function grants(replies: readonly ServerReply<Attempt>[]): Grant[] {
  return replies.flatMap((reply) =>
    "answer" in reply && reply.answer.granted ? [reply.answer] : []
  );
}

/** The refusals among the replies, with their servers. */
export function refusals(
  replies: readonly ServerReply<Attempt>[],
): { server: number; answer: Refusal }[] {
  return replies.flatMap((reply) =>
    "answer" in reply && !reply.answer.granted
      ? [{ server: reply.server, answer: reply.answer }]
      : []
  );
}

/** The most frequent value. */
export function mostOf(
  values: readonly (string | undefined)[],
): { value: string | undefined; count: number } {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  return { value: first?.[0], count: first?.[1] ?? 0 };
}
