import {
  type AdviceRuntime,
  type Candidate,
  type Need,
  type Reach,
  REACHES,
  type Survival,
  SURVIVALS,
} from "./candidate.ts";
import { CANDIDATES } from "./candidates.ts";
import { type Figures, rowIds } from "./figures.ts";

/** The requirements of a user. */
export interface Wish {
  readonly need: Need;
  readonly reach: Reach;
  readonly survives: Survival;
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

/** A candidate that is not recommended, and why. */
export interface Rejected {
  readonly candidate: Candidate;
  readonly cost: Cost;
  readonly why: string;
}

/** The recommendation and the rejected candidates; without `chosen`, none is suitable. */
export interface Advice {
  readonly chosen?: { readonly candidate: Candidate; readonly cost: Cost };
  readonly rejected: readonly Rejected[];
}

/** A simple candidate is preferred to faster ones if it can do this many times the rate. */
const RESERVE = 2;

const REACH_TEXT = {
  process: "the workers of one process",
  machine: "the processes of one machine",
  network: "several machines",
} as const;
const LOST_TEXT = {
  nothing: "a killed process",
  crash: "a power loss",
  power: "",
} as const;

/** A candidate with its cost. */
interface One {
  readonly candidate: Candidate;
  readonly cost: Cost;
}

/**
 * Chooses the simplest candidate that meets the requirements and can do {@linkcode RESERVE} times
 * the rate; if none can, the fastest that can do the rate. Prefers measured candidates. A server is
 * chosen only for several machines, or if nothing else is suitable.
 */
export function decide(wish: Wish, figures: Figures): Advice {
  const all = CANDIDATES.filter(({ need }) => need === wish.need)
    .map((candidate): One => ({ candidate, cost: costOf(candidate, wish.runtime, figures) }));
  const able = all.filter(({ candidate }) => whyUnable(candidate, wish) === undefined);
  const measured = able.filter(({ cost }) => isMeasured(cost));
  const known = measured.length > 0 ? measured : able;
  const fast = known.filter(({ cost }) => capacity(cost) >= wish.rate);
  const near = fast.filter((one) => !needsServer(one, wish));
  const fit = near.length > 0 ? near : fast;
  const roomy = fit.filter(({ cost }) => capacity(cost) >= RESERVE * wish.rate);
  const chosen = roomy[0] ?? fit.toSorted((a, b) => capacity(b.cost) - capacity(a.cost))[0];
  const whyNot = (one: One): string => {
    const unable = whyUnable(one.candidate, wish);
    if (unable !== undefined) return unable;
    if (!known.includes(one)) return "was not measured";
    if (fit.includes(one)) return whyOther(one, chosen);
    if (fast.includes(one)) return "needs a server, which one machine does not need";
    return `does at most ${Math.floor(capacity(one.cost)).toLocaleString("en")} per second`;
  };
  return {
    ...chosen !== undefined && { chosen },
    rejected: all.filter((one) => one !== chosen).map((one) => ({ ...one, why: whyNot(one) })),
  };
}

function needsServer({ candidate }: One, wish: Wish): boolean {
  return candidate.reach === "network" && wish.reach !== "network";
}

function costOf({ measured }: Candidate, runtime: AdviceRuntime, { ns }: Figures): Cost {
  const ids = rowIds(measured, runtime);
  return { alone: ns[ids.alone], together: ns[ids.together] };
}

/** Operations per second; without a measurement it may be fast enough. */
export function capacity({ alone, together }: Cost): number {
  const ns = together ?? alone;
  return ns === undefined ? Infinity : 1e9 / ns;
}

function isMeasured({ alone, together }: Cost): boolean {
  return alone !== undefined || together !== undefined;
}

function whyUnable({ reach, survives }: Candidate, wish: Wish): string | undefined {
  if (REACHES.indexOf(reach) < REACHES.indexOf(wish.reach)) {
    return `is for ${REACH_TEXT[reach]} only`;
  }
  if (SURVIVALS.indexOf(survives) < SURVIVALS.indexOf(wish.survives)) {
    return `does not survive ${LOST_TEXT[survives]}`;
  }
  return undefined;
}

function whyOther(one: One, chosen: One): string {
  const [other, ours] = [one.cost, chosen.cost].map(({ alone, together }) => together ?? alone);
  if (other === undefined || ours === undefined) return "does more than you need";
  const ratio = other / ours;
  if (ratio > 1.05) return `takes ${ratio.toFixed(ratio < 10 ? 1 : 0)} times as long`;
  return ratio < 0.95
    ? "is faster under contention, which this rate does not need"
    : "costs the same and does more than you need";
}
