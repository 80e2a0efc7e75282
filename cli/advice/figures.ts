import { z } from "zod";
import { CANDIDATES } from "./candidates.ts";
import { type AdviceRuntime, type Measured, RUNTIMES } from "./candidate.ts";

/** What advice takes of a run of the bench; the rest of its file does not matter. */
const runSchema = z.object({
  when: z.string(),
  machine: z.object({ cpu: z.string(), cores: z.number() }),
  rows: z.array(z.object({ id: z.string(), median: z.number() })),
});
/** A run of the bench. */
export type Run = z.infer<typeof runSchema>;

/** What was measured, small enough to be part of the package. */
export interface Figures {
  /** When, and where; not there before the first run. */
  readonly run?: { readonly when: string; readonly cpu: string; readonly cores: number };
  /** Nanoseconds by the ids of the rows. */
  readonly ns: Readonly<Record<string, number>>;
}

/** Reads a run; throws where it is none. */
export function parseRun(text: string, path: string): Run {
  const parsed = runSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new TypeError(
    `Cannot read ${path}: not the results of a bench:\n${z.prettifyError(parsed.error)}`,
  );
}

/** The id of the row of one thread alone, and that of 4 at once. */
export function rowIds(
  { subject, operation, medium, crowd }: Measured,
  runtime: AdviceRuntime,
): { readonly alone: string; readonly crowd: string } {
  const beginning = `${subject}/${operation}/interlock/${runtime}/${medium}`;
  return { alone: `${beginning}/alone/1`, crowd: `${beginning}/${crowd}/4` };
}

/** The figures that advice needs, of a run. */
export function figuresFor({ when, machine: { cpu, cores }, rows }: Run): Figures {
  const wanted = new Set(
    CANDIDATES.flatMap(({ measured }) =>
      RUNTIMES.flatMap((runtime) => Object.values(rowIds(measured, runtime)))
    ),
  );
  const found = rows.filter(({ id }) => wanted.has(id)).map(({ id, median }) => [id, median]);
  return { run: { when, cpu, cores }, ns: Object.fromEntries(found) };
}
