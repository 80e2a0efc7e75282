import { z } from "zod";
import type { Runtime } from "../host/runtimes.ts";
import { similarTo } from "../host/similar.ts";
import { STRATEGY_NAMES, type StrategyName } from "./strategies/names.ts";

/** With more workers, a run would measure the scheduler, not the locks. */
const MOST_WORKERS = 256;
const MOST_INCREMENTS = 1_000_000_000;

/** The settings of a count, for flags, JSON files and editors. */
export const countSchema = z.strictObject({
  $schema: z.string().optional()
    .meta({ description: "address of the JSON Schema of this file, for editors" }),
  strategies: z.array(z.enum(STRATEGY_NAMES)).min(1).optional()
    .meta({ description: "strategies to run; all if none is named" }),
  unit: z.enum(["process", "worker"]).default("process")
    .meta({ description: "kind of worker: a process, or a Web Worker in a process per runtime" }),
  workers: z.int().min(1).max(MOST_WORKERS).default(4)
    .meta({ description: "number of workers" }),
  increments: z.int().min(1).max(MOST_INCREMENTS).optional()
    .meta({
      description: "increments by each worker; if not given, as many as take 0.1 to 0.5 s (up to " +
        "1 s for a race), or 1000 with cold workers",
    }),
  runtimes: z.array(z.enum(["deno", "bun", "node"])).min(1).optional()
    .refine((names) => new Set(names).size === (names?.length ?? 0))
    .meta({
      description: "runtimes of the workers; the current runtime if none is named",
      uniqueItems: true,
    }),
  granularity: z.enum(["increment", "call"]).optional()
    .meta({
      description: "how long file-lock holds its lock: for one increment, or for all increments " +
        "of a worker (call); if not given, increment, and both if no strategy is named",
    }),
  repeat: z.int().min(1).max(100).default(1)
    .meta({ description: "runs of each strategy; with more than one, a row has their statistics" }),
  directory: z.string().min(1).optional()
    .meta({ description: "folder of the text file; the system's temporary folder if not given" }),
  redis: z.url({ protocol: /^(redis|valkey)s?$/ }).optional()
    .meta({
      description: "address of the server for the redis strategies; if not given, a private " +
        "server is started",
    }),
  warm: z.boolean().default(true)
    .meta({ description: "whether workers first run the same code on scratch data" }),
  json: z.boolean().default(false)
    .meta({ description: "whether to print a JSON object for each run instead of the table" }),
  csv: z.boolean().default(false)
    .meta({
      description:
        "whether to print CSV instead of the table: a line for each strategy, times in ns",
    }),
  markdown: z.boolean().default(false)
    .meta({ description: "whether to print a Markdown table instead, times in ns" }),
});

const SETTINGS = Object.keys(countSchema.shape);

/** The settings of a count, with defaults filled in. */
export type CountConfig = z.output<typeof countSchema>;
/** The name of a setting. */
export type CountSetting = keyof CountConfig;

/** Thrown if settings are invalid. The message has a line for each invalid setting. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Checks the settings of a count.
 *
 * @param input The settings as read from flags or a JSON file.
 * @param source Where they were read, for the message: `the command line`, `count.json`.
 * @param nameOf The name of a setting for its message; by default its own.
 * @throws {ConfigError} If settings are invalid: names each, what it must be, and what was given.
 */
export function parseCount(
  input: unknown,
  source: string,
  nameOf: (setting: CountSetting) => string = String,
): CountConfig {
  const { data, error } = countSchema.safeParse(input);
  const problems = error?.issues.flatMap((issue) => describe(issue, input, nameOf)) ??
    conflicts(data!, nameOf);
  if (problems.length === 0) return data!;
  throw new ConfigError(
    `Cannot count: invalid settings in ${source}:\n  ${[...new Set(problems)].join("\n  ")}`,
  );
}

type Name = (setting: CountSetting) => string;

function conflicts(
  { strategies, workers, runtimes = [], granularity, json, csv, markdown }: CountConfig,
  nameOf: Name,
): string[] {
  const problems: string[] = [];
  if (workers < runtimes.length) {
    problems.push(
      `${nameOf("workers")} must be at least ${runtimes.length}, one for each of ${
        runtimes.join(", ")
      } (given ${workers})`,
    );
  }
  const others = strategies?.filter((name) => name !== "file-lock") ?? [];
  if (granularity === "call" && others.length > 0) {
    problems.push(
      `${nameOf("granularity")} must be increment with ${others.join(", ")}; only file-lock ` +
        'allows call (given "call")',
    );
  }
  const formats = Object.entries({ json, csv, markdown })
    .flatMap(([format, on]) => on ? [nameOf(format as CountSetting)] : []);
  if (formats.length > 1) problems.push(`only one of ${formats.join(", ")} can be given`);
  return problems;
}

function describe(issue: z.core.$ZodIssue, input: unknown, nameOf: Name): string[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) =>
      `${show(key)} is not a setting${didYouMean(key, SETTINGS)}; the settings are ` +
      SETTINGS.join(", ")
    );
  }
  const [setting] = issue.path as [CountSetting | undefined];
  if (setting === undefined) return [`the settings must be a JSON object (given ${show(input)})`];
  const value = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown>)[key],
    input,
  );
  const given = setting === "redis" ? SECRET : show(value);
  const meant = issue.code === "invalid_value" ? didYouMean(value, issue.values.map(String)) : "";
  return [`${nameOf(setting)} must be ${ALLOWED[setting]} (given ${given})${meant}`];
}

function didYouMean(value: unknown, names: readonly string[]): string {
  const similar = typeof value === "string" ? similarTo(value, names) : undefined;
  return similar === undefined ? "" : `; did you mean ${similar}?`;
}

const SECRET = "a text that may contain a password and is not shown";

/** A value as JSON, unless it may be an address with a password. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return /@|:\/\//.test(text) ? SECRET : text;
}

const whole = (most: number) => `a whole number from 1 to ${most.toLocaleString("en")}`;
const ALLOWED: Readonly<Record<CountSetting, string>> = {
  $schema: "the address of a JSON Schema",
  strategies: `one or more of ${STRATEGY_NAMES.join(", ")}`,
  unit: "process or worker",
  workers: whole(MOST_WORKERS),
  increments: whole(MOST_INCREMENTS),
  runtimes: "one or more of deno, bun, node, each at most once",
  granularity: "increment or call",
  repeat: whole(100),
  directory: "the path of a folder",
  redis: "an address such as redis://127.0.0.1:6379",
  warm: "true or false",
  json: "true or false",
  csv: "true or false",
  markdown: "true or false",
};

/** One experiment: a strategy, and the runtimes among which its workers are distributed in turn. */
export interface Run {
  readonly strategy: StrategyName;
  readonly runtimes: readonly Runtime[];
  readonly workers: number;
  /** How long `file-lock` holds its lock. */
  readonly granularity: "increment" | "call";
}
