/** The three runtimes, in the order of every chart and table. */
export const RUNTIMES = ["deno", "bun", "node"] as const;

/** The name of each series of rows in text. */
export const SERIES_NAMES = {
  deno: "Deno",
  bun: "Bun",
  node: "Node",
  mixed: "mixed",
  c: "C",
} as const;

/** A duration as people read it: `4.6 ns`, `24.6 µs`, `1.2 ms`. */
export function duration(ns: number): string {
  const power = [1e3, 1e6, 1e9].filter((factor) => ns >= 0.9995 * factor).length;
  return `${threeDigits(ns / 1000 ** power)} ${["ns", "µs", "ms", "s"][power]}`;
}

/** How many times as much: `1.3`, `24`, `1,240`. */
export function times(ratio: number): string {
  if (ratio < 0.1) return threeDigits(ratio);
  if (ratio < 9.95) return ratio.toFixed(ratio < 0.995 ? 2 : 1);
  return Math.round(ratio).toLocaleString("en");
}

/** A ratio as a multiple: `1.3×`. */
export function multiple(ratio: number): string {
  return `${times(ratio)}×`;
}

/** From the least to the most: `4.2 to 4.8 ns`, `17 to 49×`. */
export function range(values: readonly number[], format: (value: number) => string): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(format);
  if (least === most) return least;
  const [unit] = /\D*$/.exec(least)!;
  const isShared = unit !== "" && /\D*$/.exec(most)![0] === unit;
  return `${isShared ? least.slice(0, -unit.length) : least} to ${most}`;
}

function threeDigits(value: number): string {
  const digits = value < 0.0995 ? 3 : value < 0.995 ? 2 : value < 99.95 ? 1 : 0;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** The mean of ratios. */
export function geometricMean(ratios: readonly number[]): number {
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}

const LIST = new Intl.ListFormat("en-GB");

/** "a", "a and b", "a, b and c". */
export function listed(words: readonly string[]): string {
  return LIST.format(words);
}
