import type { Results } from "../../results.ts";
import { type Answer, comparison, dotsOf, rangeOf, sentences } from "./answer.ts";
import { COUNTERS, LOCKS } from "./costs.ts";
import { duration, geometricMean, listed, RUNTIMES, SERIES_NAMES, times } from "../figures.ts";

/** A runtime within this ratio of the fastest counts as fastest too. */
const SAME = 1.05;

/** Which runtime? */
export function whichRuntime(results: Results): Answer {
  const rows = [...COUNTERS, ...LOCKS].flatMap(({ label, wanted }) => {
    const all = dotsOf(results, wanted);
    const [best] = all.toSorted((a, b) => a.value - b.value);
    if (all.length < 2 || best.value === 0) return [];
    const dots = all.map(({ name, value }) => ({ name, value: value / best.value }));
    return [{ label, dots, aside: `${best.name} ${duration(best.value)}` }];
  });
  const [best, ...others] = RUNTIMES.map((runtime) => {
    const name = SERIES_NAMES[runtime];
    const ratios = rows.flatMap(({ dots }) => dots.filter((dot) => dot.name === name));
    return { name, ratios, mean: geometricMean(ratios.map(({ value }) => value)) };
  }).filter(({ ratios }) => ratios.length > 0).sort((a, b) => a.mean - b.mean);
  const first = best?.ratios.filter(({ value }) => value < SAME).length;
  const rest = others.map(({ name, ratios, mean }) =>
    `${name} takes ${rangeOf(ratios, times)} times (geometric mean ${times(mean)})`
  );
  const answer = best &&
    `**${best.name}** is the fastest, or within ${
      Math.round(100 * (SAME - 1))
    } % of the fastest, in ${first} of ${best.ratios.length} operations. ${
      listed(rest)
    } as long as the fastest.`;
  return {
    id: "runtime",
    question: "Which runtime?",
    answer: sentences([answer], "more than one runtime"),
    reading: "Multiples of the time of the fastest runtime, which is named at the right.",
    ...comparison("times", rows, { summary: "fastest" }),
  };
}
