import { type Results, type Row, rowId, type RowKey } from "../../bench/results.ts";
import { median } from "../../bench/statistics.ts";

/** A row of a run. */
export function rowOf(key: Partial<RowKey>, ...rounds: number[]): Row {
  const row: RowKey = {
    subject: "mutex",
    operation: "lock, unlock",
    by: "interlock",
    medium: "mapped",
    setting: "alone",
    count: 1,
    ...key,
  };
  return {
    ...row,
    id: rowId(row),
    unit: "ns",
    median: median(rounds),
    least: Math.min(...rounds),
    most: Math.max(...rounds),
    rounds,
  };
}

/** A run with these rows. */
export function resultsOf(rows: Row[], more: Partial<Results> = {}): Results {
  return {
    version: 2,
    when: "2026-11-24T12:00:00.000Z",
    wallSeconds: 60,
    mode: "full",
    rounds: 3,
    machine: {
      cpu: "a processor",
      cores: 2,
      memoryBytes: 2 ** 34,
      kernel: "6.18.0",
      platform: "linux",
      arch: "x64",
      fileSystems: { "/tmp": "ext4" },
      load: { before: 0, after: 1 },
      noise: 0.02,
    },
    versions: { deno: "2.9.6" },
    missing: [],
    rows,
    goals: [],
    ...more,
  };
}
