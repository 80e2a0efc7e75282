/**
 * The colours by name, on light and on dark. Deno, Bun and Node have the blue, orange and green of
 * Okabe and Ito, which are distinct for any colour vision; darker on a light page and lighter on a
 * dark one, for a contrast of at least 3 to 1.
 */
const COLOURS = {
  paper: ["#fcfcfb", "#14171a"],
  ink: ["#1c1f24", "#e8eaed"],
  quiet: ["#5b626c", "#a3abb5"],
  line: ["#dfe2e6", "#333941"],
  good: ["#0a7a58", "#4fcf9f"],
  bad: ["#b3401a", "#f49a6c"],
  deno: ["#0b6fb8", "#5db5f5"],
  bun: ["#c9590b", "#f5943f"],
  node: ["#0a8a62", "#3fcf9a"],
  c: ["#1c1f24", "#e8eaed"],
} as const;

/** The colours of a chart. A runtime has the same one everywhere. */
export type Palette = Readonly<Record<keyof typeof COLOURS, string>>;

function palette(pick: (both: readonly [string, string], name: string) => string): Palette {
  const all = Object.entries(COLOURS).map(([name, both]) => [name, pick(both, name)]);
  return Object.fromEntries(all) as Palette;
}

/** The colours on a light page. */
export const LIGHT: Palette = palette(([light]) => light);
/** The colours on a dark page. */
export const DARK: Palette = palette(([, dark]) => dark);
/** Variables instead of colours; {@linkcode VARIABLES} defines them in a page. */
export const NAMED: Palette = palette((_, name) => `var(--${name})`);

/** The custom properties of both palettes, for a style sheet. */
export const VARIABLES: string = Object.entries(COLOURS)
  .map(([name, [light, dark]]) => `--${name}: light-dark(${light}, ${dark});`).join(" ");
