import type { Counter } from "../../contract/counter.ts";
import { AtomicCounter } from "../../memory/atomic_counter.ts";
import { StripedCounter } from "../../memory/striped_counter.ts";
import type { Counting, CountingContext } from "./strategy.ts";

function counting(counter: Counter): Counting {
  return {
    count(times) {
      for (let i = 0; i < times; i++) counter.add();
    },
    read: () => counter.value,
  };
}

/** An atomic add per increment. */
export function atomic({ memory, offset }: CountingContext): Counting {
  return counting(new AtomicCounter(memory, offset));
}

/** One padded cell per worker; a read sums the cells. */
export function striped({ memory, offset, worker, workers }: CountingContext): Counting {
  return counting(new StripedCounter(memory, offset, workers, worker));
}
