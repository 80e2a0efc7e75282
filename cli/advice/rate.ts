/** What is taken where nobody says anything. */
export const USUAL = { survives: "nothing", rate: 1000 } as const;

/** A number a second, as people type it; `undefined` where it is none. */
export function rateOf(text: string): number | undefined {
  const value = Number(text.replaceAll(/[_,]/g, ""));
  return text.trim() !== "" && value > 0 && value < Infinity ? value : undefined;
}
