const FACTORS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/**
 * Parses a number as people write it: `1500`, `1_500`, `1,500`, `1.5e3`, `1.5k`; `k`, `M` and `G`
 * stand for thousands, millions and billions. Returns `undefined` for any other text.
 */
export function parseNumber(text: string): number | undefined {
  const [, digits, suffix] =
    /^([+-]?\d+(?:[_,]\d{3})*(?:\.\d+)?(?:e\+?\d+)?)([kmg]?)$/i.exec(text.trim()) ??
      /^([+-]?\d+(?:_\d+)+)([kmg]?)$/i.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  const value = Number(digits.replaceAll(/[_,]/g, "")) * FACTORS[suffix.toLowerCase()];
  return Number.isFinite(value) ? value : undefined;
}

/** A whole number with commas, as `Intl` writes it, whose first use takes a short command too long. */
export function grouped(value: number | bigint): string {
  const text = Object.is(value, -0) ? "-0" : `${value}`;
  return text.length < 4 ? text : text.replace(/\B(?=(?:\d{3})+$)/g, ",");
}
