import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answersTo } from "../../../../bench/report/answers/all.ts";
import { latencies } from "../../../../bench/report/answers/latency.ts";
import { againstRivals, losses, matchesOf } from "../../../../bench/report/answers/rivals.ts";
import { whichRuntime } from "../../../../bench/report/answers/runtimes.ts";
import { safetyCost } from "../../../../bench/report/answers/safety.ts";
import { scaling } from "../../../../bench/report/answers/scaling.ts";
import { whichCounter } from "../../../../bench/report/answers/which_counter.ts";
import { whichLock } from "../../../../bench/report/answers/which_lock.ts";
import { row, rowsOfAll, run } from "../fixtures/runs.ts";

const ADD = { subject: "atomics", operation: "add" };
const STRIPED = { subject: "atomics", operation: "striped add" };
const FOUR = { setting: "processes", count: 4 } as const;
const PAIR = { subject: "mutex", operation: "lock, unlock" };
const INCREMENT = { subject: "mutex", operation: "lock, increment, unlock" };

describe("the answer to which counter", () => {
  it("gives the cost of each counter as a multiple of AtomicCounter's", () => {
    const { answer, draw, table } = whichCounter(run([
      ...rowsOfAll(ADD, [4, 5, 5]),
      ...rowsOfAll({ ...ADD, ...FOUR }, [12, 12, 12]),
      ...rowsOfAll({ ...STRIPED, ...FOUR }, [3, 6, 6]),
      ...rowsOfAll({ subject: "file_counter", operation: "add", medium: "file" }, [
        4000,
        5000,
        5000,
      ]),
    ]));
    assert.match(answer, /\*\*AtomicCounter\*\*, 4\.0 to 5\.0 ns per add/);
    // The geometric mean of 4, 2 and 2.
    assert.match(
      answer,
      /If 4 processes add at once, \*\*StripedCounter\*\* is 2\.5 times as fast/,
    );
    assert.match(answer, /FileCounter, .*takes 1,000 times as long .* \(4\.0 to 5\.0 µs\)/);
    assert.doesNotMatch(answer, /Redis/, "there are no figures of Redis");
    assert.ok(draw);
    assert.deepEqual(table.rows.map(([name]) => name), [
      "AtomicCounter (shared memory)",
      "FileCounter (a text file)",
    ]);
    assert.deepEqual(table.rows[0].slice(1), ["4.0 ns", "5.0 ns", "5.0 ns", "4.0 ns to 5.0 ns"]);
  });

  it("says if a striped counter gains nothing", () => {
    const { answer } = whichCounter(run([
      ...rowsOfAll(ADD, [4, 4, 4]),
      ...rowsOfAll({ ...ADD, ...FOUR }, [4, 4, 4]),
      ...rowsOfAll({ ...STRIPED, ...FOUR }, [5, 5, 5]),
    ]));
    assert.match(answer, /StripedCounter gains nothing here if 4 processes add at once/);
  });
});

describe("the answer to which lock", () => {
  it("compares each lock with a mutex that is acquired in the same way", () => {
    const { answer } = whichLock(run([
      ...rowsOfAll(PAIR, [10, 10, 10]),
      ...rowsOfAll({ subject: "async_acquire", operation: "acquire, release" }, [200, 200, 200]),
      ...rowsOfAll({ subject: "file_lock", operation: "lock, unlock", medium: "file" }, [
        1000,
        1000,
        1000,
      ]),
      ...rowsOfAll({ subject: "redis", operation: "lock: acquire, release", medium: "redis" }, [
        80_000,
        80_000,
        80_000,
      ]),
    ]));
    assert.match(answer, /\*\*Mutex\*\*, 10\.0 ns for lock and unlock, 200 ns with await/);
    assert.match(answer, /\*\*FileLock\*\*, .* takes 100 times as long as Mutex \(1\.0 µs\)/);
    assert.match(answer, /\*\*RedisLock\*\*, .* takes 400 times as long as an awaited Mutex/);
  });
});

describe("the answer on scaling", () => {
  it("says how much longer an increment takes with the most processes", () => {
    const { answer, draw } = scaling(run([
      ...rowsOfAll({ ...INCREMENT, setting: "processes" }, [10, 10, 10]),
      ...rowsOfAll({ ...INCREMENT, setting: "processes", count: 16 }, [30, 30, 30]),
      ...rowsOfAll({ ...STRIPED, setting: "processes" }, [5, 5, 5]),
      ...rowsOfAll({ ...STRIPED, setting: "processes", count: 16 }, [2.5, 2.5, 2.5]),
    ]));
    assert.match(answer, /^Compared with one process, an increment by 16 processes at once takes/);
    assert.match(
      answer,
      /\*\*3\.0 times\*\* as long on Mutex and \*\*0\.50 times\*\* as long on Str/,
    );
    assert.ok(draw);
  });

  it("compares workers with processes", () => {
    const four = { ...INCREMENT, count: 4 };
    const { answer } = scaling(run([
      ...rowsOfAll({ ...four, setting: "processes" }, [10, 10, 10]),
      ...rowsOfAll({ ...four, setting: "workers", medium: "anonymous" }, [15, 15, 15]),
    ]));
    assert.match(answer, /Four workers of one process take 1\.5 times as long as four processes/);
  });
});

describe("the answer to which runtime", () => {
  it("names the fastest on average, and how far behind the others are", () => {
    const { answer, table } = whichRuntime(run([
      ...rowsOfAll(ADD, [10, 10.2, 20]),
      ...rowsOfAll(PAIR, [30, 10, 20]),
    ]));
    assert.match(
      answer,
      /^\*\*Bun\*\* is the fastest, or within 5 % of the fastest, in 2 of 2 operations/,
    );
    assert.match(answer, /Deno takes 1\.7 times and Node takes 2\.0 times as long/);
    assert.deepEqual(table.rows[1], [
      "Mutex, bare pair",
      "3.0×",
      "1.0×",
      "2.0×",
      "Bun, 10.0 ns",
    ]);
  });

  it("is missing if only one runtime was measured", () => {
    const { answer, draw } = whichRuntime(run([row({ ...ADD, runtime: "node", median: 1 })]));
    assert.match(answer, /no figures of more than one runtime/);
    assert.equal(draw, undefined);
  });
});

describe("the cost of safety", () => {
  it("is the ratio to the same operation without the guarantee", () => {
    const { answer, table } = safetyCost(run([
      ...rowsOfAll({ subject: "values", operation: "raw value += 1" }, [2, 2, 2]),
      ...rowsOfAll(ADD, [4, 4, 4]),
      ...rowsOfAll(INCREMENT, [8, 8, 8]),
    ]));
    assert.match(
      answer,
      /^An increment that loses no update takes \*\*2\.0 times\*\* as long as a bare one; /,
    );
    assert.match(answer, /a mutex around it \*\*4\.0 times\*\*\.$/);
    assert.equal(table.rows.length, 2);
  });
});

describe("the comparison with rivals", () => {
  const results = run([
    ...rowsOfAll(ADD, [4, 4, 4]),
    row({ ...ADD, by: "c", median: 2 }),
    ...rowsOfAll(INCREMENT, [10, 10, 10]),
    row({ ...INCREMENT, by: "c", median: 9.9 }),
    row({ ...INCREMENT, operation: "lock, increment, unlock; not robust", by: "c", median: 8 }),
    ...rowsOfAll({ subject: "file_lock", operation: "acquire, release", medium: "file" }, [
      1000,
      1000,
      4000,
    ]),
    row({
      subject: "file_lock",
      operation: "acquire, release",
      medium: "file",
      by: "proper-lockfile",
      runtime: "node",
      median: 400_000,
    }),
    row({ ...ADD, by: "c", median: 3, ...FOUR }),
  ]);

  it("pairs a rival with the same runtime, or with each if it has none", () => {
    const matches = matchesOf(results);
    assert.deepEqual(
      matches.map((
        { label, rival, pairs, mean },
      ) => [label, rival, pairs.length, Number(mean.toFixed(9))]),
      [
        ["FileLock, awaited", "proper-lockfile", 1, 100],
        ["Mutex, increment", "C, robust", 3, 0.99],
        ["Mutex, increment", "C, plain", 3, 0.8],
        ["AtomicCounter.add", "C", 3, 0.5],
      ],
    );
  });

  it("says how often Interlock is faster, with the best and worst result", () => {
    const { answer } = againstRivals(results);
    assert.match(
      answer,
      /^Faster in \*\*1 of 4\*\* comparisons, slower in 2, equal within 5 % in 1\./,
    );
    assert.match(answer, /lead: FileLock, awaited, \*\*100 times\*\* as fast as proper-lockfile/);
    assert.match(answer, /deficit: AtomicCounter\.add takes \*\*2\.0 times\*\* as long as C/);
  });

  it("pairs a row with the rival that a goal names, once", () => {
    const add = row({ subject: "file_counter", operation: "add", runtime: "bun", median: 100 });
    const text = row({
      subject: "file_counter",
      operation: "text file under a lock",
      by: "c",
      median: 300,
    });
    const goal = {
      claim: "",
      row: add.id,
      of: text.id,
      goal: 1,
      kind: "at most times" as const,
      measured: 0.3,
      met: true,
    };
    const [match, ...others] = matchesOf(run([add, text], { goals: [goal, goal] }));
    assert.deepEqual(others, []);
    assert.deepEqual([match.label, match.rival, match.mean.toFixed(9)], [
      "FileCounter.add",
      "C's text file",
      "3.000000000",
    ]);
  });

  it("lists the losses, the worst first", () => {
    assert.deepEqual(losses(results).map(({ rival }) => rival), ["C", "C, plain"]);
  });
});

describe("the answer on latency", () => {
  it("gives the median and the ratio to C's", () => {
    const latency = { p50: 9000, p99: 20_000, p999: 40_000, max: 1e6 };
    const one = { subject: "mutex", operation: "hand-over", median: 9000, count: 2 };
    const { answer, table } = latencies(run([
      { ...row({ ...one, runtime: "deno", setting: "processes" }), latency },
      { ...row({ ...one, by: "c", setting: "processes" }), latency: { ...latency, p50: 6000 } },
    ]));
    assert.equal(
      answer,
      "Medians: the next thread gets a Mutex after **9.0 µs** (1.5 times C's).",
    );
    assert.deepEqual(table.rows[1], [
      "Mutex, hand-over",
      "C",
      "6.0 µs",
      "20.0 µs",
      "40.0 µs",
      "1.0 ms",
    ]);
  });
});

describe("a run without figures", () => {
  it("says so for each question and draws no chart", () => {
    const answers = answersTo(run([]));
    assert.equal(answers.length, 7);
    for (const { id, answer, draw, table } of answers) {
      assert.match(answer, /^This run has no figures of /, id);
      assert.equal(draw, undefined, id);
      assert.ok(table.rows.length === 0, id);
    }
  });
});
