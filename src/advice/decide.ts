import {
  type AdviceRuntime,
  type Candidate,
  CANDIDATES,
  REACHES,
  SURVIVALS,
  type Way,
} from "./candidates.ts";
import { type Figures, rowIdOf } from "./figures.ts";

/** The requirements of a user. */
export interface Wish extends Pick<Candidate, "need" | "reach" | "survives"> {
  /** Whether people or other languages must read it. */
  readonly readable: boolean;
  /** Operations per second, all processes together. */
  readonly rate: number;
  readonly runtime: AdviceRuntime;
}

/** What an operation costs in one way, in nanoseconds: the time of all, divided by their number. */
export interface Cost extends Way {
  readonly ns: number;
}

/** A candidate with its measured costs in one runtime. */
export interface Choice {
  readonly candidate: Candidate;
  readonly costs: readonly Cost[];
}

/** The recommendation and the rejected candidates; without `chosen`, none is suitable. */
export interface Advice {
  readonly chosen?: Choice;
  readonly rejected: readonly (Choice & { readonly why: string })[];
}

interface Rule {
  /** Whether a candidate remains. */
  readonly keeps: (choice: Choice, wish: Wish) => boolean;
  /** The reason against the others. */
  readonly why: (choice: Choice) => string;
  /** Whether the rule does not apply if it would leave no candidate. */
  readonly ifPossible?: boolean;
}

const REACH_TEXT = {
  process: "the workers of one process",
  machine: "the processes of one machine",
  network: "several machines",
} as const;
const LOST_TEXT = { nothing: "a killed process", crash: "a power loss", power: "" } as const;
/** A difference of cost below this is noise. */
const NOISE = 1.05;
/** A simple candidate is preferred to faster ones if it can do this many times the rate. */
const RESERVE = 2;

/** The rules, one after the other. */
const RULES: readonly Rule[] = [
  {
    keeps: (one, wish) => REACHES.indexOf(one.candidate.reach) >= REACHES.indexOf(wish.reach),
    why: ({ candidate: { reach } }) => `is for ${REACH_TEXT[reach]} only`,
  },
  {
    keeps: ({ candidate: { survives } }, wish) =>
      SURVIVALS.indexOf(survives) >= SURVIVALS.indexOf(wish.survives),
    why: ({ candidate: { survives } }) => `does not survive ${LOST_TEXT[survives]}`,
  },
  {
    keeps: ({ candidate }, wish) => candidate.readable || !wish.readable,
    why: () => "is read by Interlock only",
  },
  {
    keeps: ({ costs }) => costs.length > 0,
    why: () => "was not measured",
    ifPossible: true,
  },
  {
    keeps: ({ costs }, wish) => capacity(costs) >= wish.rate,
    why: ({ costs }) =>
      `does at most ${Math.floor(capacity(costs)).toLocaleString("en")} per second`,
  },
  {
    keeps: ({ candidate: { lossy } }) => !lossy,
    why: () => "loses adds if a process dies, and this rate does not need its speed",
    ifPossible: true,
  },
  {
    keeps: ({ candidate: { reach } }, wish) => reach !== "network" || wish.reach === "network",
    why: () => "needs a server, which one machine does not need",
    ifPossible: true,
  },
];

/**
 * Chooses from the candidates that all rules keep: the simplest that can do {@linkcode RESERVE}
 * times the rate, or if none can, the fastest.
 */
export function decide(wish: Wish, figures: Figures): Advice {
  const all = CANDIDATES.filter(({ need }) => need === wish.need)
    .map((candidate): Choice => ({ candidate, costs: costsOf(candidate, wish.runtime, figures) }));
  const reasons = new Map<Choice, string>();
  let left = all;
  for (const { keeps, why, ifPossible = false } of RULES) {
    const kept = left.filter((one) => keeps(one, wish));
    if (ifPossible && kept.length === 0) continue;
    for (const one of left) if (!kept.includes(one)) reasons.set(one, why(one));
    left = kept;
  }
  const chosen = left.find(({ costs }) => capacity(costs) >= RESERVE * wish.rate) ??
    left.toSorted((a, b) => capacity(b.costs) - capacity(a.costs)).at(0);
  const rejected = all.filter((one) => one !== chosen)
    .map((one) => ({ ...one, why: reasons.get(one) ?? whyOther(one.costs, chosen!.costs) }));
  return { ...chosen !== undefined && { chosen }, rejected };
}

function costsOf({ ways }: Candidate, runtime: AdviceRuntime, { ns }: Figures): Cost[] {
  return ways.flatMap((way) => {
    const measured = ns[rowIdOf(way, runtime)];
    return measured === undefined ? [] : [{ ...way, ns: measured }];
  });
}

/** The cost if one task does one operation after the other. */
export function costAlone(costs: readonly Cost[]): number | undefined {
  return costs.find(isAlone)?.ns;
}

function isAlone({ setting, tasks }: Cost): boolean {
  return setting === "alone" && tasks === 1;
}

/**
 * Operations per second: of several at once, in the fastest way, if that was measured. Without any
 * measurement, a candidate may be fast enough.
 */
export function capacity(costs: readonly Cost[]): number {
  const several = costs.filter((cost) => !isAlone(cost));
  const counted = several.length > 0 ? several : costs;
  return counted.length === 0 ? Infinity : 1e9 / Math.min(...counted.map(({ ns }) => ns));
}

/** The same if each process has only one task that does it. */
export function capacityWithoutTasks(costs: readonly Cost[]): number {
  return capacity(costs.filter(({ tasks }) => tasks === 1));
}

function whyOther(costs: readonly Cost[], chosen: readonly Cost[]): string {
  if (capacity(costs) > NOISE * capacity(chosen)) {
    return "can do more per second, which this rate does not need";
  }
  const [other, ours] = [costAlone(costs), costAlone(chosen)];
  if (other === undefined || ours === undefined || other / ours < NOISE) {
    return "does more than you need";
  }
  const ratio = other / ours;
  return `takes ${ratio.toFixed(ratio < 10 ? 1 : 0)} times as long`;
}
