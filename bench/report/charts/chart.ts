import type { TopLevelSpec } from "vega-lite";
import { duration, type Series, times } from "../figures.ts";
import type { Palette } from "./palette.ts";

/** A part of a chart's specification. */
export type Layer = Record<string, unknown>;

/** The look of a chart: for a wide page or for a telephone, and its colours. */
export interface Look {
  readonly palette: Palette;
  readonly narrow: boolean;
}

/** The width of a chart on a page, in pixels. */
export const WIDE = 816;
/** The width on a telephone: 380 without the margins. */
export const NARROW = 348;

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif";
/** The size of text in charts. */
export const TEXT = 12;

/** About how wide a letter of an axis is, and the room between two labels. */
const [LETTER, BETWEEN] = [7, 8];

/** The unit of an axis. */
export type Unit = "ns" | "times";

/** Formats a value of a unit. */
export function written(value: number, unit: Unit): string {
  return unit === "ns" ? duration(value) : `${times(value)}×`;
}

/** Ticks of an axis around values: decades, or 1, 2 and 5 if the values are close. */
export function ticksAround(values: readonly number[]): number[] {
  const least = Math.min(...values);
  const most = Math.max(...values);
  const steps = most / least > 30 ? [1] : most / least > 4 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    all.push(...steps.map((step) => Number((step * 10 ** power).toPrecision(3))));
  }
  const first = all.findLastIndex((tick) => tick <= least);
  const last = all.findIndex((tick) => tick >= most);
  return all.slice(Math.max(first, 0), last < 0 ? undefined : last + 1);
}

/** The position of a value on a logarithmic axis from the first to the last tick, 0 to 1. */
export function position(value: number, ticks: readonly number[]): number {
  const [low, high] = [ticks[0], ticks[ticks.length - 1]];
  return Math.log(value / low) / Math.log(high / low);
}

/** A logarithmic scale from the first to the last tick. */
export function logScale(ticks: readonly number[]): Layer {
  return { type: "log", domain: [ticks[0], ticks[ticks.length - 1]], nice: false, clamp: true };
}

/** The texts at the ticks of an axis. */
export function axisTexts(ticks: readonly number[], unit: Unit): string[] {
  return ticks.map((tick) => brief(tick, unit));
}

/** An axis with ticks, labelled as far as there is room. */
export function axis(
  ticks: readonly number[],
  unit: Unit,
  width: number,
  more: Layer = {},
): Layer {
  const all = axisTexts(ticks, unit);
  const longest = Math.max(...all.map(({ length }) => length)) * LETTER;
  // The first and the last label may move towards the middle by half of their width.
  const room = longest * (more.labelFlush ? 1.5 : 1) + BETWEEN;
  const nearest = Math.min(
    ...ticks.slice(1).map((tick, i) => position(tick, ticks) - position(ticks[i], ticks)),
  );
  const every = Math.max(1, Math.ceil(room / (nearest * width)));
  const texts = Object.fromEntries(
    ticks.map((tick, i) => [String(tick), i % every === 0 ? all[i] : ""]),
  );
  return {
    title: null,
    values: ticks,
    labelExpr: `${JSON.stringify(texts)}[toString(datum.value)]`,
    ...more,
  };
}

function brief(value: number, unit: Unit): string {
  return written(value, unit).replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
}

/** A column of colours for a mark, by the field `series`. */
export function bySeries({ series }: Palette): Layer {
  return {
    field: "series",
    type: "nominal",
    scale: { domain: Object.keys(series), range: Object.values(series) },
    legend: null,
  };
}

/** A column of shapes, for print and for colour-blind readers: each series has its own. */
export function shapeBySeries(): Layer {
  const shapes: Record<Series, string> = {
    deno: "circle",
    bun: "square",
    node: "triangle-up",
    mixed: "diamond",
    c: "cross",
    python: "diamond",
    npm: "diamond",
  };
  return {
    field: "series",
    type: "nominal",
    scale: { domain: Object.keys(shapes), range: Object.values(shapes) },
    legend: null,
  };
}

/** A column of sizes: a triangle and a cross look smaller than a circle of the same area. */
export function sizeBySeries(size = 80): Layer {
  const sizes: Record<Series, number> = {
    deno: 1,
    bun: 0.9,
    node: 1.15,
    mixed: 1,
    c: 1.1,
    python: 1,
    npm: 1,
  };
  return {
    field: "series",
    type: "ordinal",
    scale: { domain: Object.keys(sizes), range: Object.values(sizes).map((part) => part * size) },
    legend: null,
  };
}

/** A chart of layers in a frame of this height, without decoration. */
export function framed(
  { palette, narrow }: Look,
  frame: {
    readonly height: number;
    readonly left: number;
    readonly right: number;
    readonly top?: number;
    readonly bottom?: number;
  },
  content: Layer,
): TopLevelSpec {
  const { height, left, right, top = 28, bottom = 4 } = frame;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "transparent",
    width: (narrow ? NARROW : WIDE) - left - right,
    height,
    padding: { left, right, top, bottom },
    autosize: { type: "none" },
    config: configOf(palette),
    ...content,
  } as unknown as TopLevelSpec;
}

/** Quiet axes and one font. */
function configOf({ ink, quiet, line }: Palette): Layer {
  return {
    aria: false,
    font: FONT,
    view: { stroke: null },
    text: { fontSize: TEXT, fill: ink, font: FONT },
    axis: {
      domain: false,
      ticks: false,
      gridColor: line,
      labelColor: quiet,
      labelFontSize: 11,
      labelFont: FONT,
      labelPadding: 6,
      labelOverlap: false,
    },
  };
}
