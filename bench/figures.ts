/** Something that is measured once a round. */
export interface Subject {
  readonly name: string;
  readonly unit: "ns" | "ms";
  measure(): Promise<number>;
}

/** A subject's figures, one a round. */
export interface Figures {
  readonly subject: Subject;
  readonly rounds: number[];
}

/** A goal: a subject at a fixed limit or at a multiple of another, taken in the same round. */
export interface Goal {
  readonly subject: Subject;
  readonly limit: { readonly at: number } | { readonly times: number; readonly of: Subject };
}

/** A goal against what was measured. */
export interface Outcome {
  readonly goal: Goal;
  readonly met: boolean;
  /** The measured value: in the subject's unit, or the ratio to the other subject. */
  readonly measured: number;
}

/** The value in the middle; of an even number of them, the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Measures every subject once a round, so that a disturbance of the machine meets all alike; every
 * second round goes backwards, so that no subject always follows the same one.
 */
export async function measureAll(
  subjects: readonly Subject[],
  rounds: number,
  onStep: (round: number, subject: Subject) => void,
): Promise<Map<Subject, Figures>> {
  const all = new Map(subjects.map((subject) => [subject, { subject, rounds: [] as number[] }]));
  for (let round = 0; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      onStep(round, subject);
      all.get(subject)!.rounds.push(await subject.measure());
    }
  }
  return all;
}

/** What became of a goal. A ratio is the median of the ratios of the rounds. */
export function judge(goal: Goal, figures: ReadonlyMap<Subject, Figures>): Outcome {
  const { subject, limit } = goal;
  const { rounds } = figures.get(subject)!;
  if ("at" in limit) {
    const measured = median(rounds);
    return { goal, measured, met: measured <= limit.at };
  }
  const others = figures.get(limit.of)!.rounds;
  const measured = median(rounds.map((value, i) => value / others[i]));
  return { goal, measured, met: measured <= limit.times };
}
