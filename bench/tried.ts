/** Of claims that may fall short: what was tried, by the claim. */
export const TRIED: Readonly<Record<string, string>> = {};
