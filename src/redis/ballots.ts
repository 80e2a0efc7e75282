import type { Attempt } from "./server_lock.ts";
import type { Vote } from "./votes.ts";

/** A vote for the one who asked. */
export type Granted = Attempt & { granted: true };
/** A vote for somebody else. */
export type Refused = Attempt & { granted: false };

/** The votes for the one who asked. */
export function grants(votes: readonly Vote<Attempt>[]): Granted[] {
  return votes.flatMap((vote) => "answer" in vote && vote.answer.granted ? [vote.answer] : []);
}

/** The votes for others, and whose they are. */
export function refusals(votes: readonly Vote<Attempt>[]): { server: number; answer: Refused }[] {
  return votes.flatMap((vote) =>
    "answer" in vote && !vote.answer.granted ? [{ server: vote.server, answer: vote.answer }] : []
  );
}

/** The value that is there most often. */
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
