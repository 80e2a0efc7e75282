import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  answersTo,
  latencies,
  safetyCost,
  scaling,
  whichCounter,
  whichLock,
  whichRuntime,
} from "../../../bench/report/answers.ts";
import { againstRivals, losses, matchesOf } from "../../../bench/report/rivals.ts";
import { newest } from "../../../bench/results.ts";
import { row, rowsOfAll, run } from "./fixtures/runs.ts";

const ADD = { subject: "atomics", operation: "add" };
const STRIPED = { subject: "atomics", operation: "striped add" };
const FOUR = { setting: "processes", count: 4 } as const;
const PAIR = { subject: "mutex", operation: "lock, unlock" };
const INCREMENT = { subject: "mutex", operation: "lock, increment, unlock" };

describe("the answer to which counter", () => {
  it("gives the cost of each counter as a multiple of AtomicCounter's", () => {
    const { answer, chart, table } = whichCounter(run([
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
    assert.match(
      answer,
      /If 4 processes add at once, \*\*StripedCounter\*\* is 2\.0 to 4\.0 times as fast/,
    );
    assert.match(answer, /FileCounter, .*takes 1,000 times as long .* \(4\.0 to 5\.0 µs\)/);
    assert.doesNotMatch(answer, /Redis/, "there are no figures of Redis");
    assert.ok(chart);
    assert.deepEqual(table.rows.map(([name]) => name), [
      "AtomicCounter.add (shared memory)",
      "FileCounter.add (a text file)",
    ]);
    assert.deepEqual(table.rows[0].slice(1), ["4.0 ns", "5.0 ns", "5.0 ns", "4.0 to 5.0 ns"]);
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
  it("says how much longer an increment takes with the most processes, from least to most", () => {
    const { answer, chart } = scaling(run([
      ...rowsOfAll({ ...INCREMENT, setting: "processes" }, [10, 10, 10]),
      ...rowsOfAll({ ...INCREMENT, setting: "processes", count: 16 }, [30, 40, 490]),
      ...rowsOfAll({ ...STRIPED, setting: "processes" }, [5, 5, 5]),
      ...rowsOfAll({ ...STRIPED, setting: "processes", count: 16 }, [2.5, 2.5, 2.5]),
    ]));
    assert.match(answer, /^Compared with one process, an increment by 16 processes at once takes/);
    assert.match(
      answer,
      /\*\*3\.0 to 49 times\*\* as long on Mutex and \*\*0\.50 times\*\* as long on Str/,
    );
    assert.ok(chart);
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
    assert.match(
      answer,
      /Deno takes 1\.0 to 3\.0 times \(geometric mean 1\.7\) and Node takes 2\.0 times /,
    );
    assert.deepEqual(table.rows[1], [
      "Mutex, bare pair",
      "3.0×",
      "1.0×",
      "2.0×",
      "Bun 10.0 ns",
    ]);
  });

  it("is missing if only one runtime was measured", () => {
    const { answer, chart } = whichRuntime(run([row({ ...ADD, runtime: "node", median: 1 })]));
    assert.match(answer, /no figures of more than one runtime/);
    assert.equal(chart, undefined);
  });
});

describe("the cost of safety", () => {
  const values = (operation: string) => ({ subject: "values", operation });

  it("is the ratio to the same operation without the guarantee", () => {
    const { answer, table } = safetyCost(run([
      ...rowsOfAll(values("raw value += 1"), [2, 2, 2]),
      ...rowsOfAll(values("shared value update"), [4, 4, 6]),
      ...rowsOfAll(values("raw value under a mutex"), [8, 8, 8]),
    ]));
    assert.match(
      answer,
      /^An update that is never lost takes \*\*2\.0 to 3\.0 times\*\* as long as a bare one; /,
    );
    assert.match(answer, /a mutex around it \*\*4\.0 times\*\*\.$/);
    assert.equal(table.rows.length, 2);
  });

  it("does not compare a bare value with an atomic add, or with a mutex around a cell", () => {
    const { table } = safetyCost(run([
      ...rowsOfAll(values("raw value += 1"), [2, 2, 2]),
      ...rowsOfAll(ADD, [1, 1, 1]),
      ...rowsOfAll(INCREMENT, [8, 8, 8]),
    ]));
    assert.deepEqual(table.rows, []);
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
    assert.deepEqual(
      matchesOf(results).map((
        { label, members, rival, dots, mean },
      ) => [label, members, rival, dots.length, Number(mean.toFixed(9))]),
      [
        ["FileLock, awaited", undefined, "proper-lockfile", 1, 100],
        ["Mutex, increment", undefined, "C, robust", 3, 0.99],
        ["Mutex, increment", undefined, "C, plain", 3, 0.8],
        ["AtomicCounter.add", undefined, "C", 3, 0.5],
      ],
    );
  });

  it("says how often Interlock is faster, with the best and worst result", () => {
    const { answer } = againstRivals(results);
    assert.match(
      answer,
      new RegExp(
        String
          .raw`^Faster in every runtime in \*\*1 of 4\*\* comparisons of the same work, slower ` +
          "in every runtime in 2, equal within 5 % or dependent on the runtime in 1\\.",
      ),
    );
    assert.match(answer, /lead: FileLock, awaited, \*\*100 times\*\* as fast as proper-lockfile/);
    assert.match(answer, /deficit: AtomicCounter\.add takes \*\*2\.0 times\*\* as long as C/);
  });

  it("does not say on average what differs between the runtimes", () => {
    const { answer, table } = againstRivals(run([
      ...rowsOfAll(PAIR, [10, 10, 80]),
      row({ ...PAIR, by: "c", median: 20 }),
    ]));
    assert.match(answer, /\*\*0 of 1\*\* .* slower in every runtime in 0, .* dependent .* in 1\./);
    assert.deepEqual(table.rows.map((cells) => cells[4]), ["0.25 to 2.0×"]);
  });

  it("pairs a row with the rival that a goal names, once, but not in the answer", () => {
    const add = row({
      subject: "file_counter",
      operation: "add in a batch of 1,000",
      medium: "file",
      runtime: "bun",
      median: 100,
    });
    const text = row({
      subject: "file_counter",
      operation: "text file under a lock",
      medium: "file",
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
    const results = run([add, text], { goals: [goal, goal] });
    const [match, ...others] = matchesOf(results);
    assert.deepEqual(others, []);
    assert.deepEqual([match.label, match.rival, match.mean.toFixed(9)], [
      "FileCounter, in a batch",
      "C, other work: text file",
      "3.000000000",
    ]);
    const { answer, chart, table } = againstRivals(results);
    assert.match(answer, /no figures of rivals/);
    assert.equal(chart, undefined);
    assert.equal(table.rows.length, 1);
  });

  it("counts no rival that does other work under the same name", () => {
    const pair = {
      subject: "redis",
      operation: "lock: acquire, release",
      medium: "redis",
    } as const;
    const results = run([
      ...rowsOfAll(pair, [2, 2, 2]),
      ...rowsOfAll({ ...pair, by: "node-redis" }, [1, 1, 1]),
    ]);
    assert.match(againstRivals(results).answer, /no figures of rivals/);
    assert.match(losses(results).rows[0][0], /against node-redis, other work: lock/);
  });

  it("lists the losses, the worst first", () => {
    assert.deepEqual(losses(results).rows.map(([what, deno]) => [what, deno]), [
      ["AtomicCounter.add (against C)", "4.0 ns : 2.0 ns"],
      ["Mutex, increment (against C, plain)", "10.0 ns : 8.0 ns"],
    ]);
  });
});

describe("the answer on latency", () => {
  it("gives the median and the ratio to C's", () => {
    const latency = { p50: 9000, p99: 20_000, p999: 40_000, max: 1e6 };
    const one = { subject: "mutex", operation: "hand-off", median: 9000, count: 2 };
    const { answer, table } = latencies(run([
      { ...row({ ...one, runtime: "deno", setting: "processes" }), latency },
      { ...row({ ...one, by: "c", setting: "processes" }), latency: { ...latency, p50: 6000 } },
    ]));
    assert.equal(
      answer,
      "Medians: the next thread gets a Mutex after **9.0 µs** (1.5 times C's).",
    );
    assert.deepEqual(table.rows[1], [
      "Mutex, hand-off",
      "C",
      "6.0 µs",
      "20.0 µs",
      "40.0 µs",
      "1.0 ms",
    ]);
  });
});

describe("the newest run", () => {
  const newestRun = newest(() => true);
  const tables = newestRun === undefined ? [] : answersTo(newestRun.results).slice(0, 7);
  for (const { id, table } of tables) {
    it(`has no two rows of the same name, and names every row, in the table of ${id}`, () => {
      const first = table.head.findIndex((name, i) => i > 0 && !["", "by"].includes(name));
      const names = table.rows.map((cells) => cells.slice(0, first).join("/"));
      assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), []);
      for (const name of names) assert.doesNotMatch(name, /^[^(]*[:;]/);
    });
  }
});

describe("a run without figures", () => {
  it("says so for each question and draws no chart", () => {
    const answers = answersTo(run([]));
    assert.deepEqual(answers.slice(7).map(({ id }) => id), ["goals", "machine"]);
    assert.match(answers[7].answer, /no goals/);
    for (const { id, answer, chart, table } of answers.slice(0, 7)) {
      assert.match(answer, /^This run has no figures of /, id);
      assert.equal(chart, undefined, id);
      assert.ok(table.rows.length === 0, id);
    }
  });
});
