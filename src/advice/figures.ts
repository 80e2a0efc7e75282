import { z } from "zod";
import { type AdviceRuntime, CANDIDATES, type Measured, RUNTIMES } from "./candidates.ts";

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

/** Parses a run; throws if the text is not one. */
export function parseRun(text: string): Run {
  const parsed = runSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new TypeError(`not the results of a benchmark:\n${z.prettifyError(parsed.error)}`);
}

/** The ids of the rows of one thread alone and of 4 at once. */
export function rowIds(
  { subject, operation, medium, unit }: Measured,
  runtime: AdviceRuntime,
): { readonly alone: string; readonly together: string } {
  const beginning = `${subject}/${operation}/interlock/${runtime}/${medium}`;
  return { alone: `${beginning}/alone/1`, together: `${beginning}/${unit}/4` };
}

/** Takes the figures that advice needs from a run. */
export function figuresFor({ when, machine: { cpu, cores }, rows }: Run): Figures {
  const wanted = new Set(
    CANDIDATES.flatMap(({ measured }) =>
      RUNTIMES.flatMap((runtime) => Object.values(rowIds(measured, runtime)))
    ),
  );
  const found = rows.filter(({ id }) => wanted.has(id)).map(({ id, median }) => [id, median]);
  return { run: { when, cpu, cores }, ns: Object.fromEntries(found) };
}
