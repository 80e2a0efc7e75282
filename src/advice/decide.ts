import {
  type AdviceRuntime,
  type Candidate,
  CANDIDATES,
  REACHES,
  SURVIVALS,
} from "./candidates.ts";
import { type Figures, rowIds } from "./figures.ts";

/** The requirements of a user. */
export interface Wish extends Pick<Candidate, "need" | "reach" | "survives"> {
  /** Operations per second, all processes together. */
  readonly rate: number;
  readonly runtime: AdviceRuntime;
}

/** The cost in one runtime, in nanoseconds; `undefined` if it was not measured. */
export interface Cost {
  readonly alone?: number;
  /** The time per operation of 4 at once, all together. */
  readonly together?: number;
}

/** A candidate with its cost. */
export interface Choice {
  readonly candidate: Candidate;
  readonly cost: Cost;
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
    keeps: ({ cost }) => nanoseconds(cost) !== undefined,
    why: () => "was not measured",
    ifPossible: true,
  },
  {
    keeps: ({ cost }, wish) => capacity(cost) >= wish.rate,
    why: ({ cost }) => `does at most ${Math.floor(capacity(cost)).toLocaleString("en")} per second`,
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
    .map((candidate): Choice => ({ candidate, cost: costOf(candidate, wish.runtime, figures) }));
  const reasons = new Map<Choice, string>();
  let left = all;
  for (const { keeps, why, ifPossible = false } of RULES) {
    const kept = left.filter((one) => keeps(one, wish));
    if (ifPossible && kept.length === 0) continue;
    for (const one of left) if (!kept.includes(one)) reasons.set(one, why(one));
    left = kept;
  }
  const chosen = left.find(({ cost }) => capacity(cost) >= RESERVE * wish.rate) ??
    left.toSorted((a, b) => capacity(b.cost) - capacity(a.cost)).at(0);
  const rejected = all.filter((one) => one !== chosen)
    .map((one) => ({ ...one, why: reasons.get(one) ?? whyOther(one.cost, chosen!.cost) }));
  return { ...chosen !== undefined && { chosen }, rejected };
}

function costOf({ measured }: Candidate, runtime: AdviceRuntime, { ns }: Figures): Cost {
  const { alone, together } = rowIds(measured, runtime);
  return { alone: ns[alone], together: ns[together] };
}

function nanoseconds({ alone, together }: Cost): number | undefined {
  return together ?? alone;
}

/** Operations per second; without a measurement it may be fast enough. */
export function capacity(cost: Cost): number {
  return 1e9 / (nanoseconds(cost) ?? 0);
}

function whyOther(cost: Cost, chosen: Cost): string {
  const [other, ours] = [nanoseconds(cost), nanoseconds(chosen)];
  if (other === undefined || ours === undefined) return "does more than you need";
  const ratio = other / ours;
  if (ratio > 1.05) return `takes ${ratio.toFixed(ratio < 10 ? 1 : 0)} times as long`;
  return ratio < 0.95
    ? "is faster under contention, which this rate does not need"
    : "costs the same and does more than you need";
}
