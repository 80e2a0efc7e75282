/** The defaults. */
export const DEFAULTS = { survives: "nothing", rate: 1000 } as const;

/** Parses a rate, such as `1_000`; returns `undefined` if the text is none. */
export function rateOf(text: string): number | undefined {
  const value = Number(text.replaceAll(/[_,]/g, ""));
  return text.trim() !== "" && value > 0 && value < Infinity ? value : undefined;
}
