import type { Candidate } from "./candidate.ts";
import { COUNTERS } from "./counters.ts";
import { LOCKS } from "./locks.ts";

/** All candidates, the simplest of each kind first. */
export const CANDIDATES: readonly Candidate[] = [...COUNTERS, ...LOCKS];
