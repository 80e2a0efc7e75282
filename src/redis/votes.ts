/** What one of several servers answered: something, or with an error. */
export type Vote<T> =
  | { readonly server: number; readonly answer: T }
  | { readonly server: number; readonly error: unknown };

/**
 * Asks several servers at once, and waits for no more answers than it takes.
 *
 * @param answers The answer of each server.
 * @param isDecided Told after each vote all that are in, and how many are missing. Once it says yes
 * the others are not waited for; when the last is in, nothing more is.
 */
export function collectVotes<T>(
  answers: readonly Promise<T>[],
  isDecided: (votes: readonly Vote<T>[], missing: number) => boolean,
): Promise<Vote<T>[]> {
  return new Promise((resolve) => {
    const votes: Vote<T>[] = [];
    const count = (vote: Vote<T>) => {
      votes.push(vote);
      const missing = answers.length - votes.length;
      if (missing === 0 || isDecided(votes, missing)) resolve([...votes]);
    };
    answers.forEach((answer, server) => {
      answer.then(
        (answer) => count({ server, answer }),
        (error) => count({ server, error }),
      );
    });
  });
}

/** How many of the votes are answers of which `says` is true. */
export function countVotes<T>(votes: readonly Vote<T>[], says: (answer: T) => boolean): number {
  return votes.filter((vote) => "answer" in vote && says(vote.answer)).length;
}

/** The errors among the votes. */
export function errorsOf(votes: readonly Vote<unknown>[]): { server: number; error: unknown }[] {
  return votes.filter((vote) => "error" in vote);
}
