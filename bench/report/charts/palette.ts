import type { Series } from "../figures.ts";

/** The colours of a chart. A runtime has the same one everywhere; rivals are grey. */
export interface Palette {
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly series: Readonly<Record<Series, string>>;
}

/**
 * Blue, orange and green of Okabe and Ito, which are distinct for any colour vision; darker on a light
 * page and lighter on a dark one, for a contrast of at least 3 to 1.
 */
export const LIGHT: Palette = {
  ink: "#1c1f24",
  quiet: "#5b626c",
  line: "#dfe2e6",
  series: {
    deno: "#0b6fb8",
    bun: "#c9590b",
    node: "#0a8a62",
    mixed: "#8a4f9e",
    c: "#1c1f24",
    python: "#6b7280",
    npm: "#8b929c",
  },
};

/** The colours on a dark page. */
export const DARK: Palette = {
  ink: "#e8eaed",
  quiet: "#a3abb5",
  line: "#333941",
  series: {
    deno: "#5db5f5",
    bun: "#f5943f",
    node: "#3fcf9a",
    mixed: "#cf9be0",
    c: "#e8eaed",
    python: "#98a1ad",
    npm: "#7f8894",
  },
};

/** Variables instead of colours; {@linkcode variables} defines them in a page. */
export const NAMED: Palette = {
  ink: "var(--ink)",
  quiet: "var(--quiet)",
  line: "var(--line)",
  series: Object.fromEntries(
    Object.keys(LIGHT.series).map((series) => [series, `var(--${series})`]),
  ) as Palette["series"],
};

/** The custom properties of a palette, for a style sheet. */
export function variables({ ink, quiet, line, series }: Palette): string {
  return Object.entries({ ink, quiet, line, ...series })
    .map(([name, colour]) => `--${name}: ${colour};`)
    .join(" ");
}
