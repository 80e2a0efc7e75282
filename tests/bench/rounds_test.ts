import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { measureRounds } from "../../bench/rounds.ts";
import type { Step } from "../../bench/steps.ts";
import { rowOf } from "./results.ts";

const never = new AbortController().signal;
const silent = { begins: () => {}, ended: () => {} };

function step(operation: string, measure: (round: number) => number, todo?: string): Step {
  const { id: _, unit: _unit, median: _m, least: _l, most: _o, rounds: _r, ...row } = rowOf(
    { operation },
    1,
  );
  let round = 0;
  return {
    rows: [row],
    ms: 1,
    todo,
    measure: (take) => {
      const ns = measure(round++);
      take(row, { ns, samples: [ns, 2 * ns] });
      return Promise.resolve();
    },
  };
}

describe("the rounds of a bench", () => {
  it("run forwards and backwards, and keep every figure", async () => {
    const order: string[] = [];
    const steps = ["a", "b"].map((name) =>
      step(name, (round) => {
        order.push(name);
        return 10 - round;
      })
    );
    const { rows } = await measureRounds(steps, 3, never, silent);
    assert.equal(order.join(""), "abbaab");
    assert.deepEqual(rows.map(({ operation }) => operation), ["a", "b"]);
    assert.deepEqual(rows[0].rounds, [10, 9, 8]);
    assert.deepEqual([rows[0].median, rows[0].least, rows[0].most], [9, 8, 10]);
    assert.deepEqual(rows[0].latency, { p50: 10, p99: 20, p999: 20, max: 20 });
  });

  it("go on without a rival that fails, and name it", async () => {
    const broken = step("theirs", (round) => {
      if (round === 1) throw new Error("It said much\nand then: /home/me/no");
      return 1;
    }, "do without");
    const { rows, missing } = await measureRounds(
      [step("ours", () => 1), broken],
      3,
      never,
      silent,
    );
    assert.deepEqual(rows.map(({ operation }) => operation), ["ours"]);
    assert.equal(missing.length, 1);
    assert.match(missing[0].what, /theirs.*: and then: no$/);
    assert.equal(missing[0].todo, "do without");
  });

  it("leave out a row without an operation in its window, and say so", async () => {
    const steps = [step("none", (round) => round === 0 ? 1 : Infinity), step("some", () => 1)];
    const { rows, missing } = await measureRounds(steps, 2, never, silent);
    assert.deepEqual(rows.map(({ operation }) => operation), ["some"]);
    assert.equal(missing.length, 1);
    assert.match(missing[0].what, /none.*: no operation was done in the window/);
    assert.match(missing[0].todo, /idle machine/);
  });

  it("end if one of our steps fails", async () => {
    const broken = step("ours", () => {
      throw new Error("no");
    });
    await assert.rejects(measureRounds([broken], 1, never, silent), /^Error: no$/);
  });

  it("end when aborted", async () => {
    const controller = new AbortController();
    const steps = [
      step("first", () => {
        controller.abort(new Error("enough"));
        return 1;
      }),
      step("second", () => assert.fail("it went on")),
    ];
    await assert.rejects(measureRounds(steps, 1, controller.signal, silent), /enough/);
  });
});
