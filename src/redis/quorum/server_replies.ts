/** The reply of one of several servers: an answer, or an error. */
export type ServerReply<T> =
  | { readonly server: number; readonly answer: T }
  | { readonly server: number; readonly error: unknown };

/**
 * Collects the replies of several servers, until they decide the question.
 *
 * @param answers The answer of each server.
 * @param isDecided Called after each reply, with all replies so far and the number of missing ones.
 * If it returns true, the others are not waited for.
 */
export function collectReplies<T>(
  answers: readonly Promise<T>[],
  isDecided: (replies: readonly ServerReply<T>[], missing: number) => boolean,
): Promise<ServerReply<T>[]> {
  return new Promise((resolve) => {
    const replies: ServerReply<T>[] = [];
    const add = (reply: ServerReply<T>) => {
      replies.push(reply);
      const missing = answers.length - replies.length;
      if (missing === 0 || isDecided(replies, missing)) resolve([...replies]);
    };
    answers.forEach((answer, server) => {
      answer.then(
        (answer) => add({ server, answer }),
        (error) => add({ server, error }),
      );
    });
  });
}

/** Counts the answers for which `matches` is true. */
export function countReplies<T>(
  replies: readonly ServerReply<T>[],
  matches: (answer: T) => boolean,
): number {
  return replies.filter((reply) => "answer" in reply && matches(reply.answer)).length;
}

/** The errors among the replies. */
export function errorsOf(
  replies: readonly ServerReply<unknown>[],
): { server: number; error: unknown }[] {
  return replies.filter((reply) => "error" in reply);
}
