import type { TopLevelSpec } from "vega-lite";
import {
  axis,
  bySeries,
  framed,
  type Layer,
  logScale,
  type Look,
  NARROW,
  position,
  shapeBySeries,
  sizeBySeries,
  TEXT,
  ticksAround,
  type Unit,
  WIDE,
} from "./chart.ts";
import type { Dot } from "./dots.ts";
import { type Series, SERIES_NAMES } from "../figures.ts";

/** Points on one line, with a summary at its end. */
export interface CompactRow {
  readonly label: string;
  readonly note?: string;
  readonly aside: string;
  readonly dots: readonly Dot[];
}

/** A chart of many rows, for comparison by eye more than by figures. */
export interface CompactChart {
  readonly rows: readonly CompactRow[];
  readonly unit: Unit;
  /** The heading of the summaries at the ends of the lines. */
  readonly aside: string;
  /** A marked line, and the meaning of its sides. */
  readonly mark?: { readonly at: number; readonly below?: string; readonly above?: string };
}

const HEAD = 46;

/** Draws each row as one line. */
export function drawCompact({ rows, unit, aside, mark }: CompactChart, look: Look): TopLevelSpec {
  const { palette, narrow } = look;
  const noted = rows.some(({ note }) => note !== undefined);
  const left = narrow ? 8 : 276;
  const right = narrow ? 12 : 112;
  const plot = (narrow ? NARROW : WIDE) - left - right;
  const step = narrow ? (noted ? 66 : 50) : (noted ? 44 : 30);
  const ticks = ticksAround([
    ...rows.flatMap(({ dots }) => dots.map(({ value }) => value)),
    ...mark ? [mark.at] : [],
  ]);
  const height = rows.length * step + (mark?.above ? 18 : 0);
  const from = mark?.above ? 18 : 0;
  const apart = narrow ? 7 : noted ? 9 : 7;
  const y: Layer = { field: "y", type: "quantitative", scale: null, axis: null };
  const x: Layer = {
    field: "value",
    type: "quantitative",
    scale: logScale(ticks),
    axis: axis(ticks, unit, plot, { orient: "top", labelFlush: narrow ? 12 : false }),
  };
  const series = [...new Set(rows.flatMap(({ dots }) => dots.map(({ series }) => series)))];
  const points = rows.flatMap(({ dots }, row) =>
    dots.map((dot, i) => ({
      ...dot,
      // Equal points would cover each other.
      y: from + row * step + (narrow ? step - 16 : step / 2) + apart * (i - (dots.length - 1) / 2),
    }))
  );
  const texts = rows.map(({ label, note, aside }, row) => {
    const top = from + row * step;
    const middle = top + step / 2;
    return {
      label,
      note: note ?? "",
      aside,
      labelY: narrow ? top + 12 : noted ? middle - 8 : middle,
      noteY: narrow ? top + 28 : middle + 8,
      asideY: narrow ? top + 12 : middle,
      ruleY: top,
    };
  });
  const text = (field: string, at: string, more: Layer): Layer => ({
    mark: { type: "text", baseline: "middle", ...more },
    encoding: { y: { ...y, field: at }, text: { field } },
  });
  const side = narrow ? { align: "left", x: -6 } : { align: "right", x: -22 };
  const layer: Layer[] = [
    ...mark ? [equal(mark, ticks, height, look)] : [],
    {
      data: { values: texts },
      layer: [
        {
          mark: {
            type: "rule",
            stroke: palette.line,
            strokeDash: [1, 3],
            x: narrow ? -6 : 20 - left,
            x2: plot + (narrow ? 0 : right),
          },
          encoding: { y: { ...y, field: "ruleY" } },
        },
        text("label", "labelY", { ...side, fontWeight: 600, fontSize: TEXT + 0.5 }),
        text("note", "noteY", { ...side, fontSize: 11, fill: palette.quiet }),
        text("aside", "asideY", {
          align: narrow ? "right" : "left",
          x: narrow ? plot + right - 4 : plot + 16,
          fontWeight: 600,
        }),
      ],
    },
    {
      data: { values: points },
      encoding: { x, y, color: bySeries(palette), shape: shapeBySeries(), size: sizeBySeries(75) },
      mark: { type: "point", filled: true, opacity: 1 },
    },
    key(series, aside, { left, plot, right }, look),
  ];
  return framed(look, { height, left, right, top: HEAD, bottom: 4 }, { layer });
}

/** Names of the points, above the axis. */
function key(
  series: readonly Series[],
  aside: string,
  { left, plot, right }: { left: number; plot: number; right: number },
  { palette, narrow }: Look,
): Layer {
  let at = 6 - left;
  const names = series.map((series) => {
    const name = SERIES_NAMES[series];
    const point = { series, name, x: at, textX: at + 10 };
    at += 32 + name.length * 7;
    return point;
  });
  const y = 9 - HEAD;
  return {
    layer: [
      {
        data: { values: names },
        layer: [
          {
            mark: { type: "point", filled: true, opacity: 1, y },
            encoding: {
              x: { field: "x", type: "quantitative", scale: null, axis: null },
              color: bySeries(palette),
              shape: shapeBySeries(),
              size: sizeBySeries(75),
            },
          },
          {
            mark: { type: "text", align: "left", baseline: "middle", y },
            encoding: {
              x: { field: "textX", type: "quantitative", scale: null, axis: null },
              text: { field: "name" },
            },
          },
        ],
      },
      {
        data: { values: [{ aside }] },
        mark: {
          type: "text",
          align: narrow ? "right" : "left",
          baseline: "middle",
          x: narrow ? plot + right - 4 : plot + 16,
          y,
          fontSize: 11,
          fill: palette.quiet,
        },
        encoding: { text: { field: "aside" } },
      },
    ],
  };
}

/** The line of equality, with the meanings of both sides. */
function equal(
  { at, below, above }: NonNullable<CompactChart["mark"]>,
  ticks: readonly number[],
  height: number,
  { palette }: Look,
): Layer {
  const x: Layer = { field: "at", type: "quantitative", scale: logScale(ticks) };
  const side = (field: string, align: string, dx: number): Layer => ({
    mark: { type: "text", align, dx, y: 7, baseline: "middle", fontSize: 11, fill: palette.quiet },
    encoding: { x, text: { field } },
  });
  return {
    data: { values: [{ at, below: `← ${below}`, above: `${above} →` }] },
    layer: [
      {
        mark: { type: "rule", stroke: palette.quiet, strokeWidth: 1.25, y: 0, y2: height },
        encoding: { x },
      },
      ...above === undefined ? [] : [side("above", "left", 8)],
      ...below === undefined || position(at, ticks) < 0.15 ? [] : [side("below", "right", -8)],
    ],
  };
}
