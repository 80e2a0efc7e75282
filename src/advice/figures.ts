import { z } from "zod";
import { type AdviceRuntime, CANDIDATES, RUNTIMES, type Way } from "./candidates.ts";

/** The parts of a benchmark run that advice needs. */
const runSchema = z.object({
  when: z.string(),
  machine: z.object({ cpu: z.string(), cores: z.number() }),
  rows: z.array(z.object({ id: z.string(), median: z.number() })),
});
/** A benchmark run. */
export type Run = z.infer<typeof runSchema>;

/** The measured figures, few enough to be part of the package. */
export interface Figures {
  /** Date and machine; missing before the first run. */
  readonly run?: { readonly when: string; readonly cpu: string; readonly cores: number };
  /** Nanoseconds by the ids of the rows. */
  readonly ns: Readonly<Record<string, number>>;
}

/** Checks a run, as read from JSON; throws if it is none. */
export function runFrom(json: unknown): Run {
  const parsed = runSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new TypeError(`not the results of a benchmark:\n${z.prettifyError(parsed.error)}`);
}

/** The id of the row of the benchmark that measures a way in a runtime. */
export function rowIdOf(
  { subject, operation, medium, setting, count }: Way,
  runtime: AdviceRuntime,
): string {
  return `${subject}/${operation}/interlock/${runtime}/${medium}/${setting}/${count}`;
}

/** Takes the figures that advice needs from a run. */
export function figuresFor({ when, machine: { cpu, cores }, rows }: Run): Figures {
  const wanted = new Set(
    CANDIDATES.flatMap(({ ways }) =>
      ways.flatMap((way) => RUNTIMES.map((runtime) => rowIdOf(way, runtime)))
    ),
  );
  const found = rows.filter(({ id }) => wanted.has(id)).map(({ id, median }) => [id, median]);
  return { run: { when, cpu, cores }, ns: Object.fromEntries(found) };
}
