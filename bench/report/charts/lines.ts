import type { TopLevelSpec } from "vega-lite";
import {
  axisTexts,
  bySeries,
  framed,
  type Layer,
  type Look,
  NARROW,
  position,
  shapeBySeries,
  sizeBySeries,
  ticksAround,
  type Unit,
  WIDE,
} from "./chart.ts";
import type { Series } from "../figures.ts";

/** A line of a panel. */
export interface Line {
  readonly series: Series;
  readonly name: string;
  readonly points: readonly { readonly count: number; readonly value: number }[];
}

/** A panel of lines over the same counts. */
export interface Panel {
  readonly title: string;
  /** Panels of one group are in one row and have the same axes. */
  readonly group: string;
  readonly lines: readonly Line[];
}

/** Small charts beside each other. */
export interface LineChart {
  readonly panels: readonly Panel[];
  readonly unit: Unit;
}

const COLUMNS = 3;
const LABEL_STEP = 14;
const HEIGHT = 180;
/** The space of a panel above its plot for its title, and below for its axis. */
const [ABOVE, BELOW] = [34, 28];
/** The space for the labels of the axis, and for the names of the lines. */
const [LEFT, NAMES] = [54, 58];

/** Draws the panels, with the name of each line at its end. */
export function drawLines({ panels, unit }: LineChart, look: Look): TopLevelSpec {
  const columns = look.narrow ? 1 : COLUMNS;
  const whole = look.narrow ? NARROW : WIDE;
  const step = (whole - LEFT) / columns;
  const counts = [
    ...new Set(
      panels.flatMap(({ lines }) =>
        lines.flatMap(({ points }) => points.map(({ count }) => count))
      ),
    ),
  ].sort((a, b) => a - b);
  let [column, row] = [0, -1];
  const layer = panels.flatMap((panel, i) => {
    const first = column === columns - 1 || row < 0 || panel.group !== panels[i - 1].group;
    if (first) row++;
    column = first ? 0 : column + 1;
    const ticks = ticksAround(
      panels.filter(({ group }) => group === panel.group)
        .flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(({ value }) => value))),
    );
    const frame = {
      left: column * step,
      top: ABOVE + row * (ABOVE + HEIGHT + BELOW),
      width: step - NAMES,
    };
    return drawPanel(panel, { ...frame, ticks, counts, labelled: first, unit }, look);
  });
  const height = (row + 1) * (ABOVE + HEIGHT + BELOW) - 8;
  return framed(look, { height, left: LEFT, right: 0, top: 0, bottom: 0 }, { layer });
}

interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly ticks: readonly number[];
  readonly counts: readonly number[];
  readonly labelled: boolean;
  readonly unit: Unit;
}

/** Draws one panel at its position with axes of its own: a Vega-Lite chart has only one pair. */
function drawPanel({ title, lines }: Panel, frame: Frame, { palette }: Look): Layer[] {
  const { left, top, width, ticks, counts, labelled, unit } = frame;
  const x = (count: number) => left + position(count, counts) * width;
  const y = (value: number) => top + (1 - position(value, ticks)) * HEIGHT;
  const texts = axisTexts(ticks, unit);
  const at = (field: string): Layer => ({ field, type: "quantitative", scale: null, axis: null });
  const quiet = { type: "text", fontSize: 11, fill: palette.quiet, baseline: "middle" };
  const points = lines.flatMap(({ series, name, points }) =>
    points.map(({ count, value }) => ({ series, name, count, x: x(count), y: y(value) }))
  );
  return [
    {
      data: { values: [{ title }] },
      mark: { type: "text", align: "left", fontWeight: 600, fontSize: 13, x: left, y: top - 16 },
      encoding: { text: { field: "title" } },
    },
    {
      data: { values: ticks.map((tick, i) => ({ y: y(tick), text: texts[i] })) },
      layer: [
        {
          mark: { type: "rule", stroke: palette.line, x: left, x2: left + width },
          encoding: { y: at("y") },
        },
        ...labelled
          ? [{
            mark: { ...quiet, align: "right", x: left - 10 },
            encoding: { y: at("y"), text: { field: "text" } },
          }]
          : [],
      ],
    },
    {
      data: { values: counts.map((count) => ({ x: x(count), text: String(count) })) },
      mark: { ...quiet, align: "center", y: top + HEIGHT + 14 },
      encoding: { x: at("x"), text: { field: "text" } },
    },
    {
      data: { values: points },
      encoding: { x: at("x"), y: at("y"), color: bySeries(palette) },
      layer: [
        { mark: { type: "line", strokeWidth: 2 }, encoding: { detail: { field: "name" } } },
        {
          mark: { type: "point", filled: true, opacity: 1 },
          encoding: { shape: shapeBySeries(), size: sizeBySeries(50) },
        },
      ],
    },
    {
      data: { values: spread(lines, y, top + HEIGHT) },
      mark: {
        type: "text",
        align: "left",
        baseline: "middle",
        x: left + width + 9,
        fontWeight: 600,
      },
      encoding: { y: at("y"), text: { field: "name" }, color: bySeries(palette) },
    },
  ];
}

/** Heights for the names at the ends of lines, so that none covers another. */
export function spread(
  lines: readonly Line[],
  y: (value: number) => number,
  bottom: number,
): { name: string; series: Series; y: number }[] {
  const ends = lines.map(({ name, series, points }) => ({
    name,
    series,
    y: y(points[points.length - 1].value),
  })).sort((a, b) => a.y - b.y);
  ends.forEach((end, i) => {
    if (i > 0) end.y = Math.max(end.y, ends[i - 1].y + LABEL_STEP);
  });
  // Names below the bottom move up, and move others up.
  for (let i = ends.length - 1; i >= 0; i--) {
    const most = i === ends.length - 1 ? bottom : ends[i + 1].y - LABEL_STEP;
    ends[i].y = Math.min(ends[i].y, most);
  }
  return ends;
}
