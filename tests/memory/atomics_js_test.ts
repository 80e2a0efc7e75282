import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AtomicOperations } from "../../src/memory/atomic_operations.ts";
import { atomicsOnArrays } from "../../src/memory/atomics_js.ts";

const HIGH = 2 ** 32;
/** Adds of `n`, between whose steps another thread adds; from these values on. */
const CASES: readonly { n: number; others: readonly number[]; starts: readonly number[] }[] = [
  { n: 1, others: [1], starts: [0, 2 ** 31 - 1, HIGH - 2, HIGH - 1, HIGH, -1, -HIGH - 1] },
  { n: 1, others: [-1], starts: [0, 1, HIGH, HIGH + 1, -HIGH, 2 ** 31] },
  { n: 5, others: [-7], starts: [0, 3, HIGH, HIGH + 6, -HIGH + 2] },
  { n: 7, others: [2 ** 20], starts: [HIGH - 2 ** 20, HIGH - 1, 2 ** 31 - 1] },
  { n: 2 ** 30 - 1, others: [1000], starts: [2 ** 31 - 1, HIGH - 1, HIGH + 2 ** 31 - 1] },
];
/** Adds of other threads with which the low word can wrap around during the add. */
const BURST = [2 ** 30 - 1, 2 ** 30 - 1];

/**
 * Runs `body`, and calls `interrupt` right before its step number `when`, as if the thread had been
 * preempted there. Returns whether there were so many steps.
 */
function interrupted(when: number, interrupt: () => void, body: () => void): boolean {
  const names = ["add", "compareExchange", "load", "store"] as const;
  const real = names.map((name) => Atomics[name]);
  let step = 0;
  const restore = () => names.forEach((name, i) => Object.assign(Atomics, { [name]: real[i] }));
  names.forEach((name, i) => {
    const stepped = (...args: unknown[]) => {
      if (step++ === when) {
        restore();
        interrupt();
      }
      return (real[i] as (...args: unknown[]) => unknown)(...args);
    };
    Object.assign(Atomics, { [name]: stepped });
  });
  try {
    body();
  } finally {
    restore();
  }
  return step > when;
}

function addAny(atomic: AtomicOperations, n: number): number {
  return (n | 0) === n ? atomic.fetchAdd64(0, n) : atomic.fetchAddFar64(0, n);
}

function counterAt(start: number): AtomicOperations {
  const atomic = atomicsOnArrays(new SharedArrayBuffer(16));
  assert.equal(atomic.fetchAddFar64(0, start), 0);
  return atomic;
}

/** Checks that an add that is interrupted by others, at each of its steps, is one atomic step. */
function assertInterruptible(
  by: "add64" | "fetchAdd64" | "fetchAddFar64",
  start: number,
  n: number,
  others: readonly number[],
): void {
  const sum = others.reduce((a, b) => a + b, 0);
  /** The values that the others see if this add has added `added` before. */
  const seenFrom = (added: number) => {
    let value = start + added;
    return [...others.map((other) => (value += other) - other), value];
  };
  for (let when = 0;; when++) {
    const atomic = counterAt(start);
    const what = `${start} + ${n}, with ${others} before its step ${when}`;
    let given = NaN;
    let seen: number[] = [];
    const more = interrupted(
      when,
      () => seen = [...others.map((other) => addAny(atomic, other)), atomic.load64(0)],
      () => given = atomic[by](0, n),
    );
    assert.equal(atomic.load64(0), more ? start + sum + n : start + n, what);
    if (!more) {
      assert.ok(when > 0, "no step was seen");
      return;
    }
    // Either this add came first, or the others did; there is no third result.
    const first = seen[0] === start + n;
    assert.deepEqual(seen, seenFrom(first ? n : 0), `${what}: the values that the others saw`);
    const before = first ? start : start + sum;
    assert.equal(given, by === "add64" ? 1 : before, `${what}: the result`);
  }
}

describe("The 64-bit add by Atomics, interrupted at any step,", () => {
  for (const by of ["add64", "fetchAdd64", "fetchAddFar64"] as const) {
    for (const { n, others, starts } of CASES) {
      for (const start of starts) {
        it(`is one step: ${start} + ${n}, others ${others} (${by})`, () => {
          assertInterruptible(by, start, n, others);
        });
      }
    }

    it(`carries also if others add 2^31 in between (${by})`, () => {
      for (const start of [0, 2 ** 31 - 1, HIGH + 2 ** 31 - 1, -HIGH + 2 ** 31 - 1]) {
        assertInterruptible(by, start, 7, BURST);
        assertInterruptible(by, start, 2 ** 30 - 1, BURST);
        assertInterruptible(by, start, 2 ** 30 - 1, [...BURST, ...BURST]);
      }
    });

    it(`is exact also if others restore the low word in between (${by})`, () => {
      for (const start of [5, 2 ** 31 - 1, -7]) {
        assertInterruptible(by, start, 1, [HIGH]);
        assertInterruptible(by, start, 1, [-HIGH]);
        assertInterruptible(by, start, 2 ** 20, [HIGH, HIGH]);
      }
    });
  }
});
