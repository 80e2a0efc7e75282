import { z } from "zod";
import { STRATEGY_NAMES } from "./strategies/names.ts";

/** Beyond this many workers a machine shows its scheduler, not its locks. */
const MOST_WORKERS = 256;
const MOST_INCREMENTS = 1_000_000_000;

const NO_DUPLICATE = "each one once";

/** The one source of what a count may be told: by flags, by a JSON file and by editors. */
export const countSchema = z.strictObject({
  $schema: z.string().optional()
    .meta({ description: "where an editor finds the schema of this file" }),
  strategies: z.array(z.enum(STRATEGY_NAMES)).min(1).optional()
    .meta({ description: "the strategies to run; all of them if none is named" }),
  unit: z.enum(["process", "worker"]).default("process")
    .meta({ description: "what counts: processes, or Web Workers of one process a runtime" }),
  workers: z.int().min(1).max(MOST_WORKERS).default(4)
    .meta({ description: "how many count" }),
  increments: z.int().min(1).max(MOST_INCREMENTS).default(1000)
    .meta({ description: "how often each of them increments" }),
  runtimes: z.array(z.enum(["deno", "bun", "node"])).min(1).optional()
    .refine((names) => new Set(names).size === (names?.length ?? 0), { error: NO_DUPLICATE })
    .meta({
      description: "the runtimes that share the counter; the running one if none is named",
      uniqueItems: true,
    }),
  granularity: z.enum(["increment", "call"]).default("increment")
    .meta({
      description: "what file-lock holds its lock around: an increment, or all of a worker's",
    }),
  repeat: z.int().min(1).max(100).default(1)
    .meta({ description: "how often each strategy is run" }),
  directory: z.string().min(1).optional()
    .meta({ description: "the folder of the text file; the system's temporary one if not named" }),
  redis: z.url({ protocol: /^rediss?$/ }).optional()
    .meta({
      description: "the address of the server for the redis strategies; a private one is started " +
        "if none is named",
    }),
  warm: z.boolean().default(true)
    .meta({ description: "whether workers run the same code on a scratch cell before they start" }),
  json: z.boolean().default(false)
    .meta({ description: "whether to print one JSON object a line instead of the table" }),
});

/** What a count was told, with the defaults. */
export type CountConfig = z.output<typeof countSchema>;

/** A configuration that cannot be used. The message has one line a field. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Checks what a count was told.
 *
 * @param input What was read: the flags, or a JSON file.
 * @param source Where from, for the message: `the command line`, `count.json`.
 * @throws {ConfigError} That names each field, what was given, and what is allowed.
 */
export function parseCount(input: unknown, source: string): CountConfig {
  const { data, error } = countSchema.safeParse(input);
  const problems = error?.issues.flatMap((issue) => describe(issue, input)) ?? conflicts(data!);
  if (problems.length === 0) return data!;
  throw new ConfigError(`Cannot use ${source}:\n  ${problems.join("\n  ")}`);
}

function conflicts({ strategies, workers, runtimes = [], granularity }: CountConfig): string[] {
  const problems: string[] = [];
  if (workers < runtimes.length) {
    problems.push(
      `workers: given ${workers}; allowed: at least ${runtimes.length}, one for each of ${
        runtimes.join(", ")
      }`,
    );
  }
  const others = strategies?.filter((name) => name !== "file-lock") ?? [];
  if (granularity === "call" && others.length > 0) {
    problems.push(
      `granularity: given "call" with ${others.join(", ")}; allowed: "call" with file-lock only`,
    );
  }
  return problems;
}

function describe(issue: z.core.$ZodIssue, input: unknown): string[] {
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(countSchema.shape).join(", ");
    return issue.keys.map((key) => `${key}: no such field; allowed: ${known}`);
  }
  const [field] = issue.path as [keyof typeof countSchema.shape | undefined];
  if (field === undefined) return [`given ${show(input)}; allowed: a JSON object`];
  const given = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown>)[key],
    input,
  );
  const shown = field === "redis" ? "something else, which may hold a password" : show(given);
  return [`${String(field)}: given ${shown}; allowed: ${ALLOWED[field]}`];
}

/** As JSON. Not an address, of a server perhaps, since it may hold a password. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return /@|:\/\//.test(text) ? "an address, which is not shown here" : text;
}

const whole = (most: number) => `a whole number from 1 to ${most.toLocaleString("en")}`;
const ALLOWED: Readonly<Record<keyof typeof countSchema.shape, string>> = {
  $schema: "the address of a JSON Schema",
  strategies: STRATEGY_NAMES.join(", "),
  unit: "process, worker",
  workers: whole(MOST_WORKERS),
  increments: whole(MOST_INCREMENTS),
  runtimes: `deno, bun, node, ${NO_DUPLICATE}`,
  granularity: "increment, call",
  repeat: whole(100),
  directory: "the path of a folder",
  redis: "an address such as redis://127.0.0.1:6379",
  warm: "true, false",
  json: "true, false",
};
