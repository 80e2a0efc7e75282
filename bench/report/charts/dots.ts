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
  written,
} from "./chart.ts";
import type { Series } from "../figures.ts";

/** A point of a row, with the least and the most of the rounds. */
export interface Dot {
  readonly series: Series;
  /** The name beside the point. */
  readonly name: string;
  readonly value: number;
  readonly least?: number;
  readonly most?: number;
  /** Values that are marked on the line. */
  readonly ticks?: readonly number[];
}

/** Points to compare. */
export interface DotRow {
  readonly label: string;
  /** An addition to the label. */
  readonly note?: string;
  readonly dots: readonly Dot[];
}

/** A chart of points on one logarithmic axis. */
export interface DotChart {
  readonly rows: readonly DotRow[];
  readonly unit: Unit;
}

const LINE = 19;
const GAP = 16;
const LABEL = 22;
/** The space between a point and its text, and the approximate width of a letter. */
const [SPACE, LETTER] = [11, 6.9];

/** A point with its text, in pixels. */
interface ChartPoint {
  readonly text: string;
  /** The ends of the line of a point, in pixels. */
  readonly begin: number;
  readonly end: number;
  /** The end of its text on either side. */
  readonly left: number;
  readonly right: number;
}

function chartPointOf(
  dot: Dot,
  ticks: readonly number[],
  plot: number,
  unit: Unit,
): ChartPoint & Dot & { least: number; most: number } {
  const { value, least = value, most = value, name } = dot;
  const text = `${name} ${written(value, unit)}`;
  const begin = position(Math.min(least, value), ticks) * plot;
  const end = position(Math.max(most, value), ticks) * plot;
  const room = SPACE + text.length * LETTER;
  return { ...dot, least, most, text, begin, end, left: begin - room, right: end + room };
}

/** Draws each point on a line of its own with its name and its value beside it. */
export function drawDots({ rows, unit }: DotChart, look: Look): TopLevelSpec {
  const { palette, narrow } = look;
  const left = narrow ? 2 : 236;
  const right = narrow ? 8 : 28;
  const plot = (narrow ? NARROW : WIDE) - left - right;
  const all = rows.flatMap(({ dots }) => dots);
  const ticks = ticksAround(
    all.flatMap(({ value, least, most }) => [value, least ?? value, most ?? value]),
  );

  let y = 4;
  const labels: Layer[] = [];
  const points: Layer[] = [];
  const rules: Layer[] = [];
  for (const { label, note, dots } of rows) {
    if (y > 30) rules.push({ y: y - GAP / 2 });
    const block = Math.max(dots.length * LINE, note === undefined ? LINE : 2 * LINE - 4);
    if (narrow) y += LABEL;
    labels.push({ label, note: note ?? "", y: narrow ? y - LABEL / 2 : y + LINE / 2 });
    const chartPoints = dots.map((dot) => chartPointOf(dot, ticks, plot, unit));
    // All texts of a row are on one side, which is easier to read.
    const leftwards = chartPoints.some(({ right: end }) => end > plot + right) &&
      chartPoints.every(({ left }) => left > 0);
    chartPoints.forEach(({ begin, end, ...point }, i) => {
      points.push({
        ...point,
        y: y + LINE * (i + 0.5),
        leftwards,
        textX: leftwards ? begin - SPACE : end + SPACE,
      });
    });
    y += (narrow ? dots.length * LINE : block) + GAP;
  }
  const marks = points.flatMap(({ ticks, series, y }) =>
    (ticks as number[] | undefined)?.map((value) => ({ value, series, y })) ?? []
  );
  const height = y - GAP + 6;
  const across = { field: "y", type: "quantitative", scale: null };
  const x = (field: string, more: Layer = {}) => ({
    field,
    type: "quantitative",
    scale: logScale(ticks),
    axis: axis(ticks, unit, plot, { orient: "top", labelFlush: narrow ? 12 : false }),
    ...more,
  });
  const text = (leftwards: boolean): Layer => ({
    transform: [{ filter: `datum.leftwards === ${leftwards}` }],
    mark: { type: "text", align: leftwards ? "right" : "left", baseline: "middle" },
    encoding: {
      x: { field: "textX", type: "quantitative", scale: null },
      y: across,
      text: { field: "text" },
    },
  });
  const name: Layer = {
    mark: {
      type: "text",
      align: narrow ? "left" : "right",
      baseline: "middle",
      fontWeight: 600,
      x: narrow ? 0 : -20,
      fontSize: TEXT + 0.5,
    },
    encoding: { y: across, text: { field: "label" } },
  };
  const note: Layer = {
    mark: {
      type: "text",
      align: "right",
      baseline: "middle",
      x: narrow ? plot + right - 2 : -20,
      dy: narrow ? 0 : LINE - 4,
      fontSize: 11,
      fill: palette.quiet,
    },
    encoding: { y: across, text: { field: "note" } },
  };
  const layer: Layer[] = [
    {
      data: { values: rules },
      mark: {
        type: "rule",
        stroke: palette.line,
        strokeDash: [1, 3],
        x: narrow ? 0 : 20 - left,
        x2: plot,
      },
      encoding: { y: across },
    },
    {
      data: { values: points },
      layer: [
        {
          mark: { type: "rule", strokeWidth: 3, opacity: 0.35, strokeCap: "round" },
          encoding: { x: x("least"), x2: { field: "most" }, y: across, color: bySeries(palette) },
        },
        {
          mark: { type: "point", filled: true, opacity: 1 },
          encoding: {
            x: x("value"),
            y: across,
            color: bySeries(palette),
            shape: shapeBySeries(),
            size: sizeBySeries(),
          },
        },
        text(false),
        text(true),
      ],
    },
    {
      data: { values: marks },
      mark: { type: "tick", orient: "vertical", size: 11, thickness: 2, opacity: 1 },
      encoding: { x: x("value"), y: across, color: bySeries(palette) },
    },
    { data: { values: labels }, layer: [name, note] },
  ];
  return framed(look, { height, left, right }, { layer });
}
