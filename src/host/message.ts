/** What begins a message, as in JSON text sequences (RFC 7464); no other output contains it. */
const MARK = "\x1e";

/**
 * A line of output that carries a message to {@linkcode Children}: JSON after a mark, since modules
 * that the user preloads may print anything, JSON too.
 */
export function messageLine(message: unknown): string {
  return `${MARK}${JSON.stringify(message)}\n`;
}

/** The message of a line and the text before it; the message is `undefined` if there is none. */
export function parseLine<T>(
  line: string,
): { readonly message: T | undefined; readonly text: string } {
  const at = line.lastIndexOf(MARK);
  if (at === -1) return { message: undefined, text: line };
  return { message: JSON.parse(line.slice(at + MARK.length)), text: line.slice(0, at) };
}
