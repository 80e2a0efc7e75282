import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AtomicOperations, LOCKED } from "../../src/memory/atomic_operations.ts";
import { atomicsOnWasm } from "../../src/memory/atomics.ts";
import { atomicsOnArrays } from "../../src/memory/atomics_js.ts";
import { MUTEX } from "../../src/memory/layout.ts";
import { race, withThreads } from "../support/thread.ts";
import { randomOf } from "../support/random.ts";
import { modelOn } from "./fixtures/atomic_model.ts";
import type { AddingStart } from "./fixtures/adding_worker.ts";

const BYTES = 64;
const MAX = Number.MAX_SAFE_INTEGER;
const ADDING = new URL("./fixtures/adding_worker.ts", import.meta.url);

/** Both implementations, on memory that each runtime has. */
const IMPLEMENTATIONS = {
  WebAssembly: atomicsOnWasm,
  Atomics: (memory: WebAssembly.Memory) => atomicsOnArrays(memory.buffer),
};

const EDGES = [
  0,
  1,
  2 ** 30 - 1,
  2 ** 30,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 52,
  MAX,
];

function sharedPage(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
}

for (const [name, make] of Object.entries(IMPLEMENTATIONS)) {
  describe(`The operations by ${name}`, () => {
    for (const seed of [1, 2, 3, 4]) {
      it(`match the model, step by step (seed ${seed})`, () => {
        const memory = sharedPage();
        const bytes = new Uint8Array(memory.buffer, 0, BYTES + MUTEX.bytes);
        const expected = new Uint8Array(BYTES + MUTEX.bytes);
        const [tested, model] = [make(memory), modelOn(expected.buffer)];
        const random = randomOf(seed);
        for (let i = 0; i < 20_000; i++) {
          const step = randomStep(random);
          const [got, wanted] = [step.run(tested), step.run(model)];
          assert.equal(got, wanted, `${i}: ${step.what} gave ${got}, not ${wanted}`);
          if (i % 50 === 0) assert.deepEqual([...bytes], [...expected], `${i}: ${step.what}`);
        }
        assert.deepEqual([...bytes], [...expected]);
      });
    }

    it("add 64-bit numbers exactly at each limit", () => {
      const memory = sharedPage();
      const longs = new BigInt64Array(memory.buffer);
      const [tested, model] = [make(memory), modelOn(new ArrayBuffer(8))];
      const signed = EDGES.flatMap((edge) => [edge, -edge]);
      const near = signed.flatMap((edge) => [-2, -1, 0, 1, 2].map((d) => edge + d))
        .filter(Number.isSafeInteger);
      for (const start of near) {
        for (const n of near) {
          const small = (n | 0) === n ? ["add64", "fetchAdd64"] as const : [];
          for (const by of [...small, "fetchAddFar64"] as const) {
            longs[0] = BigInt(start);
            model.fetchAddFar64(0, -model.load64(0));
            model.fetchAddFar64(0, start);
            assert.equal(tested[by](0, n), model[by](0, n), `${by}: ${start} + ${n}`);
            assert.equal(tested.load64(0), model.load64(0), `${by}: ${start} + ${n}`);
          }
        }
      }
      assert.equal(longs[1], 0n);
    });

    it("lock the mutex word for one, and report waiters and dead owners", () => {
      const atomic = make(sharedPage());
      assert.equal(atomic.tryLock(8, 5, 0), 1);
      assert.equal(atomic.tryLock(8, 6, 100), 0);
      assert.equal(atomic.unlock(8, 6), -1);
      assert.equal(atomic.load32(8), 5);
      for (const [bits, told] of [[0x40000000, 1], [0x80000000, 2], [0xc0000000, 3]]) {
        atomic.store32(8, 5 | bits);
        assert.equal(atomic.tryLock(8, 6, 3), 0);
        assert.equal(atomic.unlock(8, 6), -1);
        assert.equal(atomic.unlock(8, 5), told);
        assert.equal(atomic.load32(8), 0);
        assert.equal(atomic.unlock(8, 5), -1);
      }
      assert.equal(atomic.tryLock(8, 0x3fffffff, -1), 1);
      assert.equal(atomic.unlock(8, 0x3fffffff), 0);
      atomic.store32(12, 7);
      assert.equal(atomic.tryLock(8, 5, 0), 2);
      assert.equal(atomic.unlock(8, 5), 0);
    });

    it("do a step under a free mutex word, and report why they did not", () => {
      const atomic = make(sharedPage());
      const step = (what: keyof typeof LOCKED, n: number) =>
        atomic.locked32(8, 5, 16, LOCKED[what], n);
      assert.equal(step("load", 9), 0);
      assert.equal(step("store", -7), -7);
      assert.equal(step("add", 9), 2);
      assert.equal(step("load", 9), 2);
      assert.equal(step("add", 2 ** 31 - 1), NaN);
      assert.equal(step("store", -(2 ** 31)), -(2 ** 31));
      assert.equal(step("add", -1), NaN);
      assert.equal(step("add", 2 ** 31 - 1), -1);
      assert.equal(atomic.load32(8), 0);
      for (const [word, died] of [[6, 0], [5, 0], [0, 7], [0x80000006 | 0, 0]]) {
        atomic.store32(8, word);
        atomic.store32(12, died);
        for (const what of ["load", "store", "add"] as const) assert.equal(step(what, 1), NaN);
        assert.equal(atomic.load32(8), word);
        assert.equal(atomic.load32(16), -1);
      }
    });

    it("carry to the high half when they count a token up", () => {
      const memory = sharedPage();
      const longs = new BigInt64Array(memory.buffer);
      const atomic = make(memory);
      for (const start of [0, 1, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 33 - 1, 2 ** 52]) {
        longs[1] = BigInt(start);
        assert.equal(atomic.next64(8), start + 1);
        assert.equal(atomic.next64(8), start + 2);
        assert.equal(longs[1], BigInt(start + 2));
      }
    });

    for (const start of [0, 2 ** 32 - 5_000, -5_000, 2 ** 52 - 5_000]) {
      it(`lose no add of 4 workers, from ${start} on`, { timeout: 60_000 }, async () => {
        const memory = sharedPage();
        const atomic = make(memory);
        atomic.fetchAddFar64(0, start);
        const steps = [1, 1, -1, 3];
        const starts = steps.map((step): AddingStart => ({
          memory,
          by: name,
          step,
          rounds: 10_000,
        }));
        await withThreads(steps.length, ADDING, (threads) => race(threads, starts));
        assert.equal(atomic.load64(0), start + 40_000);
        assert.equal(atomic.load32(8), 40_000);
        assert.equal(atomic.load32(16), 40_000, "the lock was held by two at once");
        assert.equal(atomic.load32(12), 0);
      });
    }
  });
}

/** An operation, for the implementation and for the model. */
function randomStep(
  random: () => number,
): { what: string; run(atomic: AtomicOperations): unknown } {
  const below = (n: number) => Math.floor(random() * n);
  const word = below(BYTES / 4) * 4;
  const long = below(BYTES / 8) * 8;
  const [from, to, count] = [8 * below(2), 32 + 8 * below(2), below(4)];
  const value = below(2 ** 32) | 0;
  const me = 1 + below(3);
  const edge = EDGES[below(EDGES.length)] * (below(2) === 0 ? 1 : -1);
  const n = [below(100), -below(100), edge, edge - Math.sign(edge), below(2 ** 31)][below(5)];
  // Only of a number within 2^53: no counter has another value.
  const isCount = (atomic: AtomicOperations) => Number.isSafeInteger(atomic.load64(long));
  const steps: [string, (atomic: AtomicOperations) => unknown][] = [
    [`load8(${word + 1})`, (atomic) => atomic.load8(word + 1)],
    [`store8(${word + 3})`, (atomic) => atomic.store8(word + 3, value & 255)],
    [`load16(${word + 2})`, (atomic) => atomic.load16(word + 2)],
    [`store16(${word + 2})`, (atomic) => atomic.store16(word + 2, value & 65535)],
    [`loadFloat32(${word})`, (atomic) => atomic.loadFloat32(word)],
    [`storeFloat32(${word}, ${n / 3})`, (atomic) => atomic.storeFloat32(word, n / 3)],
    [`loadFloat64(${long})`, (atomic) => atomic.loadFloat64(long)],
    [`storeFloat64(${long}, ${n / 3})`, (atomic) => atomic.storeFloat64(long, n / 3)],
    [`loadHalves64(${long})`, (atomic) => atomic.loadHalves64(long)],
    [`storeHalves64(${long}, ${n / 3})`, (atomic) => atomic.storeHalves64(long, n / 3)],
    [`copy64(${from}, ${to}, ${count})`, (atomic) => atomic.copy64(from, to, count)],
    [`loadBigInt64(${long})`, (atomic) => atomic.loadBigInt64(long)],
    [`storeBigInt64(${long}, ${n})`, (atomic) => atomic.storeBigInt64(long, BigInt(n))],
    [`min64(${long}, ${n})`, (atomic) => isCount(atomic) && atomic.min64(long, n)],
    [`max64(${long}, ${n})`, (atomic) => isCount(atomic) && atomic.max64(long, n)],
    [`load32(${word})`, (atomic) => atomic.load32(word)],
    [`store32(${word}, 0)`, (atomic) => atomic.store32(word, 0)],
    [
      `storeThenLoad32(${word}, ${value}, ${long})`,
      (atomic) => atomic.storeThenLoad32(word, value, long),
    ],
    [`add32(${word}, ${value})`, (atomic) => atomic.add32(word, value)],
    [`compareExchange32(${word}, 0, ${me})`, (atomic) => atomic.compareExchange32(word, 0, me)],
    [`release32(${word}, ${me}, ${long})`, (atomic) => atomic.release32(word, me, long)],
    [`tryLock(${long}, ${me})`, (atomic) => atomic.tryLock(long, me, me)],
    [`unlock(${long}, ${me})`, (atomic) => atomic.unlock(long, me)],
    [
      `locked32(${long}, ${me}, ${word}, ${count % 3}, ${value})`,
      (atomic) =>
        word === long || word === long + 4 || atomic.locked32(long, me, word, count % 3, value),
    ],
    [`exchange64(${long}, ${edge})`, (atomic) => atomic.exchange64(long, edge)],
    [
      `compareExchange64(${long}, ${edge}, ${n})`,
      (atomic) => isCount(atomic) && atomic.compareExchange64(long, edge, n),
    ],
  ];
  for (let i = 0; i < 4; i++) {
    const by = i < 2 ? "fetchAddFar64" : i < 3 ? "fetchAdd64" : "add64";
    const add = i < 2 ? n : n | 0;
    steps.push([`${by}(${long}, ${add})`, (atomic) => isCount(atomic) && atomic[by](long, add)]);
    steps.push([`load64(${long})`, (atomic) => atomic.load64(long)]);
  }
  const [what, run] = steps[below(steps.length)];
  return { what, run };
}
