import type { TopLevelSpec } from "vega-lite";
import { duration, multiple, SERIES_NAMES } from "../figures.ts";
import type { Palette } from "./palette.ts";

/** A point with its range. */
export interface Dot {
  /** The name of its series. */
  readonly name: string;
  readonly value: number;
  /** The text of the point in a table. Default: the value. */
  readonly text?: string;
  /** The ends of the line through the point. Default: the value. */
  readonly least?: number;
  readonly most?: number;
  /** Values that are marked on the line. */
  readonly ticks?: readonly number[];
}

/** Points to compare. */
export interface DotRow {
  readonly label: string;
  readonly note?: string;
  /** A summary at the end of the row: in a table, and in a chart without the values of points. */
  readonly aside?: string;
  readonly dots: readonly Dot[];
}

/** Rows of points on one axis. */
export interface DotChart {
  readonly unit: Unit;
  readonly rows: readonly DotRow[];
  /** Draws a line at 1, with this text at its right. */
  readonly atOne?: string;
}

/** Panels of lines; the panels of one group are in one row and have the same axes. */
export interface LineChart {
  readonly unit: Unit;
  readonly groups: readonly (readonly {
    readonly panel: string;
    readonly name: string;
    readonly count: number;
    readonly value: number;
  }[])[];
}

/** What a chart shows. */
export type Chart = DotChart | LineChart;

/** The width of a chart on a page. */
export const WIDE = 816;
/** The width on a telephone: 380 pixels without the margins. */
export const NARROW = 348;

/** A part of a specification. */
type Layer = Record<string, unknown>;
/** The unit of an axis. */
type Unit = "ns" | "times";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif";
/** Shapes of the series, for print and for colour-blind readers. */
const SHAPES = { deno: "circle", bun: "square", node: "triangle-up", c: "cross" } as const;
const SERIES = Object.keys(SHAPES) as (keyof typeof SHAPES)[];

/** Specifies a chart for Vega-Lite, with its width in pixels. */
export function draw(chart: Chart, palette: Palette, width: number): TopLevelSpec {
  const content = "rows" in chart ? dotsOf(chart, palette, width) : linesOf(chart, palette, width);
  const { ink, quiet, line } = palette;
  const label = { labelColor: quiet, labelFontSize: 11, labelPadding: 6, labelFlush: false };
  const title = { labelColor: ink, labelFontSize: 13, labelFontWeight: 600, labelAnchor: "start" };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "transparent",
    config: {
      aria: false,
      font: FONT,
      view: { stroke: null },
      point: { filled: true, opacity: 1, size: 75 },
      text: { fontSize: 12, fill: ink, font: FONT, baseline: "middle", align: "left" },
      header: { ...title, title: null },
      legend: { labelColor: ink, labelFontSize: 12, symbolSize: 75, symbolOpacity: 1 },
      axis: { ...label, domain: false, ticks: false, gridColor: line, title: null },
    },
    ...content,
  } as unknown as TopLevelSpec;
}

/** Rows of points, each at a height of its own; the names are at the left if there is room. */
function dotsOf({ rows, unit, atOne }: DotChart, palette: Palette, width: number): Layer {
  const isWide = width >= WIDE;
  // Multiples are for comparison by eye; times have their values beside the points.
  const isCompact = unit === "times";
  const [left, right] = isWide ? [276, 132] : [8, isCompact ? 12 : 100];
  const plot = width - left - right;
  const step = isCompact ? 8 : 19;
  // The height of a label and its note, and how far below the top of its row the label is.
  const [head, middle] = rows.some(({ note }) => note !== undefined) ? [32, 8] : [24, 12];

  let top = atOne ? 20 : 4;
  const placed = rows.map(({ label, note = "", aside = "", dots }) => {
    const y = top + middle;
    const first = top + (isWide ? Math.max(0, (head - step * dots.length) / 2) : head + 2);
    top = Math.max(first + step * dots.length, top + head) + 13;
    const points = dots.map(({ value, least = value, most = value, ticks = [], name }, i) => {
      const text = isCompact ? "" : `${name} ${written(value, unit)}`;
      return { name, value, least, most, ticks, text, y: first + step * (i + 0.5) };
    });
    return { label, note, y, points, aside: isCompact ? aside : "" };
  });
  const points = placed.flatMap(({ points }) => points);
  const ends = points.flatMap(({ least, value, most }) => [least, value, most]);
  const ticks = ticksAround(atOne === undefined ? ends : [...ends, 1]);
  const axis = { orient: "top", labelFlush: !isWide };
  const x = (field: string) => ({ field, ...logScale(ticks, unit, axis) });
  const y = { field: "y", type: "quantitative", scale: null, axis: null };
  const legend = { orient: "none", direction: "horizontal", legendX: 2 - left, legendY: -46 };
  const { color, shape } = lookOf(palette, points, isCompact && legend);
  const text = (field: string, mark: Layer): Layer => ({
    mark: { type: "text", ...mark },
    encoding: { text: { field } },
  });
  const side = isWide ? { align: "right", x: -20 } : { x: 2 - left };
  const end = isWide
    ? { x: plot + 16, dy: head / 2 - middle }
    : { align: "right", x: plot + right - 4 };
  const quiet = { fontSize: 11, fill: palette.quiet };
  const rule = { type: "rule", stroke: palette.line, strokeDash: [1, 3] };
  const layer: Layer[] = [
    ...atOne === undefined ? [] : [{
      data: { values: [{ one: 1, text: atOne }] },
      encoding: { x: x("one") },
      layer: [
        { mark: { type: "rule", stroke: palette.quiet, strokeWidth: 1.25 } },
        text("text", { dx: 8, y: 7, ...quiet }),
      ],
    }],
    {
      data: { values: placed },
      encoding: { y },
      layer: [
        {
          data: { values: placed.slice(atOne ? 0 : 1) },
          mark: { ...rule, x: -left, x2: plot + right, yOffset: -middle - 6 },
        },
        text("label", { ...side, fontWeight: 600, fontSize: 12.5 }),
        text("note", { ...side, ...quiet, dy: 16 }),
        text("aside", { ...end, fontWeight: 600 }),
      ],
    },
    {
      data: { values: points },
      encoding: { y, color },
      layer: [
        {
          mark: { type: "rule", strokeWidth: 3, opacity: 0.35, strokeCap: "round" },
          encoding: { x: x("least"), x2: { field: "most" } },
        },
        { mark: "point", encoding: { x: x("value"), shape } },
        {
          mark: { type: "text", dx: 11 },
          encoding: { x: x("most"), text: { field: "text" }, color: { value: palette.ink } },
        },
        {
          transform: [{ flatten: ["ticks"], as: ["tick"] }, { filter: "datum.tick > 0" }],
          mark: { type: "tick", orient: "vertical", size: 11, thickness: 2, opacity: 1 },
          encoding: { x: x("tick") },
        },
      ],
    },
  ];
  const padding = { left, right, top: isCompact ? 46 : 24, bottom: 4 };
  return { width: plot, height: top - 6, padding, autosize: { type: "none" }, layer };
}

/** Panels of lines, as many beside each other as there is room for. */
function linesOf({ groups, unit }: LineChart, palette: Palette, width: number): Layer {
  const columns = width >= WIDE ? 3 : 1;
  const counts = [...new Set(groups.flat().map(({ count }) => count))].sort((a, b) => a - b);
  const { color, shape } = lookOf(palette, groups.flat(), { orient: "top" });
  const x = {
    field: "count",
    type: "quantitative",
    scale: { type: "log", domain: [counts[0], counts[counts.length - 1]], nice: false },
    axis: { values: counts, grid: false },
  };
  return {
    padding: 2,
    vconcat: groups.map((values) => ({
      data: { values },
      facet: { field: "panel", sort: [...new Set(values.map(({ panel }) => panel))] },
      columns,
      bounds: "flush",
      spacing: { column: 24, row: 64 },
      resolve: { axis: { x: "independent" } },
      spec: {
        width: (width - 60) / columns - 20,
        height: 180,
        encoding: {
          x,
          y: { field: "value", ...logScale(ticksAround(values.map(({ value }) => value)), unit) },
          color,
        },
        layer: [
          { mark: { type: "line", strokeWidth: 2 } },
          { mark: { type: "point", size: 50 }, encoding: { shape } },
        ],
      },
    })),
  };
}

/** Colours and shapes by the name of the series. */
function lookOf(
  palette: Palette,
  points: readonly { readonly name: string }[],
  legend: Layer | false,
): { color: Layer; shape: Layer } {
  const domain = SERIES.map((series) => SERIES_NAMES[series]);
  const values = [...new Set(points.map(({ name }) => name))];
  const by = (range: readonly string[]): Layer => {
    const shown = legend && { title: null, values, columnPadding: 16, ...legend };
    return { field: "name", scale: { domain, range }, legend: shown };
  };
  return {
    color: by(SERIES.map((series) => palette[series])),
    shape: by(SERIES.map((series) => SHAPES[series])),
  };
}

/** A logarithmic axis from the first to the last tick, labelled as far as there is room. */
function logScale(ticks: readonly number[], unit: Unit, more: Layer = {}): Layer {
  const brief = (text: string) => text.replace(/\.0+(?=\D)|(?<=\.\d*)0+(?=\D)/, "");
  const texts = Object.fromEntries(ticks.map((tick) => [tick, brief(written(tick, unit))]));
  return {
    type: "quantitative",
    scale: { type: "log", domain: [ticks[0], ticks[ticks.length - 1]], nice: false, clamp: true },
    axis: {
      values: ticks,
      labelExpr: `${JSON.stringify(texts)}[toString(datum.value)]`,
      labelOverlap: "greedy",
      ...more,
    },
  };
}

/** Ticks of an axis around values: decades, or steps between them if the values are close. */
function ticksAround(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const steps = most / least > 30 ? [1] : most / least > 4 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
  const powers = Array.from({ length: 20 }, (_, i) => i - 5); // From 10 µ to 100 T.
  const all = powers.flatMap((power) => steps.map((step) => Number(`${step}e${power}`)));
  const first = all.findLastIndex((tick) => tick <= least);
  return all.slice(first, all.findIndex((tick) => tick >= most && tick > all[first]) + 1);
}

/** A value of a unit. */
export function written(value: number, unit: Unit): string {
  return unit === "ns" ? duration(value) : multiple(value);
}
