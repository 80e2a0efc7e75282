/**
 * The file of a benchmark run, which the report, `bench compare` and `bench check` read.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { z } from "zod";

const ns = z.number().nonnegative();

/** Percentiles of single operations, in nanoseconds. */
export const latencySchema = z.strictObject({ p50: ns, p99: ns, p999: ns, max: ns });

/** The key of a row: the operation, its implementation, the medium, and the number at once. */
export const rowKeySchema = z.strictObject({
  /** The name of its file in `bench/subjects`, without the extension. */
  subject: z.string(),
  /** The operation in words: `lock, unlock`. */
  operation: z.string(),
  /** The implementation: `interlock`, `c`, `python`, or the name of a package or command. */
  by: z.string(),
  /** The runtime, if it is JavaScript. */
  runtime: z.enum(["deno", "bun", "node", "mixed"]).optional(),
  /** The medium of the state. */
  medium: z.enum(["anonymous", "mapped", "file", "redis", "none"]),
  /** By one undisturbed thread, or by `count` workers or processes at once. */
  setting: z.enum(["alone", "workers", "processes"]),
  count: z.int().positive(),
});

/**
 * A row: nanoseconds per operation, one figure per round. For several at once it is the window
 * divided by the operations that all of them completed in it.
 */
export const rowSchema = rowKeySchema.extend({
  /** The key's parts, from {@linkcode rowId}. */
  id: z.string(),
  unit: z.literal("ns"),
  median: ns,
  least: ns,
  most: ns,
  rounds: z.array(ns).min(1),
  /** Percentiles over all rounds together. */
  latency: latencySchema.optional(),
});

/**
 * A claim of the project and whether the run meets it. Not strict: older runs also have `tried`, a
 * text that the report no longer takes from a run.
 */
export const verdictSchema = z.object({
  claim: z.string(),
  /** The id of our row. */
  row: z.string(),
  /** The id of the row of a rival or of a yardstick; without it the goal is a time. */
  of: z.string().optional(),
  goal: z.number().positive(),
  kind: z.enum(["at most times", "at least times faster", "at most ns"]),
  /** The median over the rounds of the ratio to the rival, or of the time itself. */
  measured: z.number().nonnegative(),
  met: z.boolean(),
});

/** A run. */
export const resultsSchema = z.strictObject({
  version: z.literal(2),
  /** When it began, in ISO 8601. */
  when: z.iso.datetime(),
  wallSeconds: z.number().nonnegative(),
  mode: z.enum(["quick", "full"]),
  filter: z.string().optional(),
  rounds: z.int().positive(),
  machine: z.strictObject({
    cpu: z.string(),
    cores: z.int().positive(),
    memoryBytes: z.number().positive(),
    kernel: z.string(),
    platform: z.string(),
    arch: z.string(),
    /** The kinds of the file systems that were used, by folder. */
    fileSystems: z.record(z.string(), z.string()),
    /** The load average of the last minute. */
    load: z.strictObject({ before: z.number().nonnegative(), after: z.number().nonnegative() }),
    /** The median over the rows of (most - least) / median. */
    noise: z.number().nonnegative(),
  }),
  /** Versions of everything that was measured: `deno`, `cc`, `python3`, `proper-lockfile`. */
  versions: z.record(z.string(), z.string()),
  /** What was not measured, and what to do about it. */
  missing: z.array(z.strictObject({ what: z.string(), todo: z.string() })),
  rows: z.array(rowSchema),
  goals: z.array(verdictSchema),
});

/** Percentiles of single operations, in nanoseconds. */
export type Latency = z.infer<typeof latencySchema>;
/** The key of a row. */
export type RowKey = z.infer<typeof rowKeySchema>;
/** A row: nanoseconds per operation. */
export type Row = z.infer<typeof rowSchema>;
/** A claim, and whether the run meets it. */
export type Verdict = z.infer<typeof verdictSchema>;
/** A run. */
export type Results = z.infer<typeof resultsSchema>;

/** A run of the bench, and the name of its file. */
export interface Run {
  readonly file: string;
  readonly results: Results;
}

/** The folder of all runs. */
export const RESULTS: URL = new URL("./results/", import.meta.url);

/** The id of a row: `mutex/lock, unlock/interlock/deno/mapped/processes/4`. */
export function rowId(key: RowKey): string {
  const { subject, operation, by, runtime, medium, setting, count } = key;
  return [subject, operation, by, runtime ?? "-", medium, setting, count].join("/");
}

/** Names the members of a row: `one`, `1 process`, `4 workers`. */
export function membersOf({ setting, count }: Pick<RowKey, "setting" | "count">): string {
  if (setting === "alone") return "one";
  return count === 1 ? `1 ${setting === "workers" ? "worker" : "process"}` : `${count} ${setting}`;
}

/** Reads the results of a run; throws if the file has none. */
export function readResults(path: string | URL): Results {
  const parsed = resultsSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
  if (parsed.success) return parsed.data;
  throw new TypeError(
    `Cannot read ${path}: not the results of a benchmark:\n${z.prettifyError(parsed.error)}`,
  );
}

/** The newest run in bench/results that fulfils the condition, and the name of its file. */
export function newest(wanted: (results: Results) => boolean): Run | undefined {
  const files = readdirSync(RESULTS).filter((name) => /^bench-.*\.json$/.test(name)).sort();
  for (const file of files.reverse()) {
    const results = readResults(new URL(file, RESULTS));
    if (wanted(results)) return { file, results };
  }
  return undefined;
}

/** Formats the file of a run, or of ratios: JSON with a line for each row and each verdict. */
export function formatResults(results: object): string {
  const lines = Object.entries(results).map(([name, value]) => {
    const text = Array.isArray(value) && value.length > 0
      ? `[\n  ${value.map((one) => JSON.stringify(one)).join(",\n  ")}\n ]`
      : JSON.stringify(value);
    return ` ${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}
