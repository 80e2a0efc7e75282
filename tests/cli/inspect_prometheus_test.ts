import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { localMetrics, redisMetrics } from "../../cli/inspect_prometheus.ts";
import type { SegmentView } from "../../src/memory/inspection.ts";

const OWNER = { pid: 7, runtime: "deno" };
const SEGMENT: SegmentView = {
  name: 'a"b\\c\nd',
  path: "/dev/shm/x",
  size: 1024,
  slots: { used: 2, limit: 1023 },
  threads: [
    { owner: OWNER, isGone: true, waits: [], command: undefined },
    { owner: OWNER, isGone: false, waits: [], command: "deno" },
  ],
  cells: [
    { name: "done", kind: "counter", value: 2n ** 60n, waiters: [] },
    { name: "ratio", kind: "raw value Float64", value: -Infinity, waiters: [] },
    { name: "go", kind: "flag", value: true, waiters: [{ owner: OWNER, since: new Date() }] },
    { name: "end", kind: "latch 2", waiters: [{ owner: OWNER, since: new Date() }] },
    {
      name: "seats",
      kind: "semaphore 4",
      state: "held",
      holders: [
        { owner: OWNER, isGone: true, permits: 1 },
        { owner: OWNER, isGone: false, permits: 2 },
      ],
      permits: 4,
      token: 2,
      waiters: [],
    },
    { name: "book", kind: "rwlock", waiters: [] },
    { name: "parts", kind: "raw array Int32 2", value: [1, 2], waiters: [] },
    {
      name: "door",
      kind: "mutex",
      state: "dead",
      holders: [{ owner: OWNER, isGone: true }],
      heldFor: 1500,
      token: 4,
      contents: "recovered",
      diedOwner: OWNER,
      waiters: [],
    },
  ],
};

/** The lines of samples, each of which must follow the help and the type of its metric. */
function samplesOf(text: string): string[] {
  assert.ok(text.endsWith("\n"));
  let current = "";
  const samples: string[] = [];
  for (const line of text.trimEnd().split("\n")) {
    const [, kind, name] = /^# (HELP|TYPE) (interlock_[a-z_]+) /.exec(line) ?? [];
    if (kind === "HELP") current = name;
    else if (kind === "TYPE") assert.equal(line, `# TYPE ${current} gauge`);
    else {
      const label = String.raw`[a-z]+="(?:[^"\\]|\\["\\n])*"`;
      const sample = new RegExp(`^${current}(?:\\{${label}(?:,${label})*\\})? \\S+$`);
      assert.match(line, sample);
      samples.push(line.slice("interlock_".length));
    }
  }
  return samples;
}

describe("localMetrics", () => {
  it("gives all numbers of segments and lock files, with labels escaped", () => {
    const samples = samplesOf(localMetrics([SEGMENT], [
      { path: "/run/b", state: "dead", holders: [], waiters: [], token: 3 },
      { path: "/run/u", state: "unknown", holders: [], waiters: [], token: undefined },
    ]));
    const segment = String.raw`segment="a\"b\\c\nd"`;
    for (
      const sample of [
        `segment_readable{${segment}} 1`,
        `segment_slots_used{${segment}} 2`,
        `segment_slots_dead{${segment}} 1`,
        `value{${segment},name="done",kind="counter"} 1152921504606846976`,
        `value{${segment},name="ratio",kind="raw value Float64"} -Inf`,
        `value{${segment},name="go",kind="flag"} 1`,
        `lock_held{${segment},name="door",kind="mutex"} 1`,
        `lock_owner_dead{${segment},name="door",kind="mutex"} 1`,
        `lock_held_seconds{${segment},name="door",kind="mutex"} 1.5`,
        `lock_inconsistent{${segment},name="door",kind="mutex"} 1`,
        `waiters{${segment},name="go",kind="flag"} 1`,
        `waiters{${segment},name="end",kind="latch 2"} 1`,
        `waiters{${segment},name="seats",kind="semaphore 4"} 0`,
        `lock_holders{${segment},name="seats",kind="semaphore 4"} 2`,
        `lock_owner_dead{${segment},name="seats",kind="semaphore 4"} 1`,
        `semaphore_permits{${segment},name="seats",kind="semaphore 4"} 4`,
        `semaphore_permits_held{${segment},name="seats",kind="semaphore 4"} 3`,
        `waiters{${segment},name="book",kind="rwlock"} 0`,
        `file_lock_holders{path="/run/b"} 0`,
        `file_lock_owner_dead{path="/run/b"} 1`,
        `file_lock_token{path="/run/b"} 3`,
        `file_lock_waiters{path="/run/u"} 0`,
      ]
    ) assert.ok(samples.includes(sample), `${sample}\nis not in\n${samples.join("\n")}`);
    assert.deepEqual(
      samples.filter((line) => /parts|_inconsistent.*seats|_holders.*\/u|_dead.*\/u/.test(line)),
      [],
    );
  });

  it("tells segments of one name in two folders apart by their paths", () => {
    const samples = samplesOf(localMetrics([SEGMENT, { ...SEGMENT, path: "/run/x" }]));
    assert.equal(new Set(samples.map((line) => line.replace(/ \S+$/, ""))).size, samples.length);
    assert.ok(samples.includes('segment_readable{segment="/run/x"} 1'), samples.join("\n"));
    assert.ok(samples.includes('value{segment="/dev/shm/x",name="go",kind="flag"} 1'));
  });

  it("escapes what a terminal would act on", () => {
    const samples = samplesOf(localMetrics([{ ...SEGMENT, name: "a\x1b[2J\u202e\ud800\nb" }]));
    const label = String.raw`segment="a\\u{1b}[2J\\u{202e}\\u{d800}\nb"`;
    assert.ok(samples.includes(`segment_readable{${label}} 1`), samples.join("\n"));
  });

  it("says that a segment cannot be read, and nothing else of it", () => {
    const bad = { name: "bad", path: "/bad", size: 0, error: "damaged" };
    assert.deepEqual(samplesOf(localMetrics([bad])), ['segment_readable{segment="bad"} 0']);
    assert.equal(localMetrics([]), "");
  });
});

describe("redisMetrics", () => {
  it("gives the holders, waiters, leases and tokens", () => {
    const holders = [{ owner: OWNER, leaseLeft: 2500 }, { owner: OWNER, leaseLeft: 900 }];
    const lock = { name: "a", token: 5, waiters: [] };
    const samples = samplesOf(redisMetrics({
      locks: [
        { ...lock, state: "shared", holders, abandonedBy: undefined },
        { ...lock, name: "b", state: "free", holders: [], abandonedBy: OWNER },
      ],
      semaphores: [{
        ...lock,
        permits: 4,
        holders: [{ ...holders[0], permits: 3 }],
        token: undefined,
      }],
      counters: [{ key: "n", value: 9, expiresIn: undefined }],
      foreign: [],
      idle: 0,
    }));
    for (
      const sample of [
        'redis_lock_holders{name="a"} 2',
        'redis_lock_lease_seconds{name="a"} 0.9',
        'redis_lock_token{name="b"} 5',
        'redis_lock_abandoned{name="b"} 1',
        'redis_semaphore_permits{name="a"} 4',
        'redis_semaphore_permits_held{name="a"} 3',
        'redis_counter{key="n"} 9',
        "redis_foreign 0",
      ]
    ) assert.ok(samples.includes(sample), `${sample}\nis not in\n${samples.join("\n")}`);
    assert.ok(!samples.some((line) => line.startsWith('redis_lock_lease_seconds{name="b"')));
  });
});
