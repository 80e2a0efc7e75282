/** Shorter than the limits of most tests, so that its error tells what was missing. */
const LIMIT_MS = 50_000;
/** The longest pause between two looks, which take processor time from what they wait for. */
const LONGEST_PAUSE_MS = 20;

/** Resolves with the result of `look`, once that is neither `undefined` nor `false`. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const start = performance.now();
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    const elapsed = performance.now() - start;
    if (elapsed > LIMIT_MS) throw new Error(`Waited in vain for ${what}`);
    const pause = Math.min(2 + elapsed / 50, LONGEST_PAUSE_MS);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
