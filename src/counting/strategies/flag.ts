import { Flag } from "../../memory/flag.ts";
import { monotonicNanoseconds } from "../../runtime/mod.ts";
import type { Counting, CountingContext } from "./strategy.ts";

/** Divisors tried between two reads of the flag. */
const STEPS = 1000;
/** Reads of the flag to measure the time of one. */
const LOOKS = 1_000_000;

/**
 * 32 odd numbers, one of them a prime. The least factor of most is small: without a flag, the
 * workers that search beyond it go on to the end.
 */
const CANDIDATES: readonly number[] = Array.from(
  { length: 32 },
  (_, i) => 9007199254740849 + 2 * i,
);
/** The candidates and the part of each that warm the code. */
const WARMING = { candidates: CANDIDATES.slice(0, 20), end: 20_001 } as const;

/** Whether an odd number in [from, to) divides n; reads `stop` every 1,000 steps. */
function hasFactor(n: number, from: number, to: number, stop?: Flag): boolean {
  for (let i = from; i < to;) {
    const end = Math.min(to, i + 2 * STEPS);
    for (; i < end; i += 2) {
      // Exact below 2^53, and faster than % on doubles.
      if (Math.floor(n / i) * i === n) return true;
    }
    if (stop?.isSet) return false;
  }
  return false;
}

function range(n: number, worker: number, workers: number): [number, number] {
  const last = Math.floor(Math.sqrt(n)) + 1;
  const odd = (part: number) => 3 + 2 * Math.floor(((last - 3) / 2) * (part / workers));
  return [odd(worker), worker === workers - 1 ? last + 1 : odd(worker + 1)];
}

function timed(work: () => void): [number, number] {
  const start = monotonicNanoseconds();
  work();
  return [start, monotonicNanoseconds()];
}

/**
 * The prime search: by one worker, by all, and by all with a flag that ends it early. The count is
 * the number of prime candidates; trial division by one worker gives the expected number.
 */
export function flag({ memory, offset, worker, workers, meet }: CountingContext): Counting {
  const without = CANDIDATES.map((_, i) => new Flag(memory, offset + 4 * i));
  const found = CANDIDATES.map((_, i) => new Flag(memory, offset + 128 + 4 * i));
  const never = new Flag(memory, offset + 256);

  function searchAll(flags: readonly Flag[], looks: boolean): void {
    CANDIDATES.forEach((n, i) => {
      if (hasFactor(n, ...range(n, worker, workers), looks ? flags[i] : undefined)) flags[i].set();
    });
  }

  let expected = 0;
  let serial: [number, number] = [0, 0];
  let noFlag: [number, number] = [0, 0];
  let withFlag: [number, number] = [0, 0];
  let nsPerLook = 0;
  return {
    count() {
      if (worker === 0) {
        serial = timed(() => {
          expected = CANDIDATES.filter((n) => !hasFactor(n, ...range(n, 0, 1))).length;
        });
        const [start, end] = timed(() => {
          for (let i = 0; i < LOOKS; i++) {
            if (never.isSet) throw new Error("Cannot time the flag: it is set");
          }
        });
        nsPerLook = (end - start) / LOOKS;
      }
      meet();
      noFlag = timed(() => searchAll(without, false));
      meet();
      withFlag = timed(() => searchAll(found, true));
    },
    warmUp() {
      for (const n of WARMING.candidates) hasFactor(n + 1, 3, WARMING.end, never);
    },
    read: () => found.filter((flag) => !flag.isSet).length,
    search: () => ({
      expected,
      numbers: CANDIDATES.length,
      serialMs: (serial[1] - serial[0]) / 1e6,
      noFlag,
      flag: withFlag,
      nsPerLook,
    }),
  };
}
