import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Cards, type News } from "../../cli/watch_cards.ts";
import { type Scene, sceneOf, type Thing } from "../../cli/watch_things.ts";
import type { InspectedCell } from "../../src/memory/inspection.ts";

const PROCESS = { pid: 7, thread: 7, runtime: "deno" };
const SEGMENT = { name: "jobs", path: "/jobs", size: 128, slots: { used: 1, limit: 1023 } };
const THREAD = { owner: PROCESS, isGone: false, waits: [], command: "/bin/deno run -A /x/work.ts" };

/** What a look at cells finds. */
function look(...cells: (Pick<InspectedCell, "name" | "kind"> & Partial<InspectedCell>)[]): Scene {
  const all = cells.map((cell) => ({ waiters: [], ...cell }));
  return sceneOf({ segments: [{ ...SEGMENT, threads: [THREAD], cells: all }] });
}

/** The only thing of a look at one cell. */
function thingOf(kind: string, more: Partial<InspectedCell>): Thing {
  return look({ name: "n", kind, ...more }).things[0];
}

const textsOf = ({ lines }: Pick<Thing, "lines">) => lines.map(([text]) => text);
const names = ({ order, cards }: News) => order.map((id) => cards[id].name);

describe("sceneOf", () => {
  const holder = { owner: PROCESS, isGone: false };

  it("says what each kind is, and what it contains", () => {
    for (
      const [kind, value, expected] of [
        ["counter", 5, { kind: "counter", number: 5, isSum: true }],
        ["striped counter 4", 5, { kind: "counter", number: 5, isSum: true }],
        ["raw value Float64", 0.5, { kind: "number", number: 0.5, isSum: false }],
        ["value Int32", 5, { kind: "number with a lock", number: 5 }],
        ["raw array Int32 9", [1, 2], { kind: "list", text: "1; 2; …" }],
        ["array Int32 2", [1, 2], { kind: "list with a lock", text: "1; 2" }],
        ["flag", true, { kind: "flag", text: "set" }],
        ["latch 3", 2, { kind: "latch", text: "2 left" }],
        ["latch 3", 0, { kind: "latch", text: "open" }],
        ["barrier 3", 2, { kind: "meeting point", text: "2 of 3 have arrived" }],
        ["channel 2000 512", 1500, { kind: "queue of messages", text: "1,500 of 2,000 messages" }],
        ["channel 2000 512", undefined, { kind: "queue of messages" }],
        ["once 100", true, { kind: "value that is made once", text: "made" }],
        ["once 100", false, { kind: "value that is made once", text: "not made yet" }],
        ["gate of a later version", undefined, { kind: "gate" }],
      ] as const
    ) {
      const thing = thingOf(kind, { value });
      assert.deepEqual({ ...thing, ...expected }, thing, kind);
    }
  });

  it("shows the locks of segment.locks by their names", () => {
    const request = (
      name: string,
      mode: "shared" | "exclusive",
      state: "held" | "waits" | "dead",
    ) => ({ name, mode, state, owner: PROCESS }) as const;
    const { things } = sceneOf({
      segments: [{
        ...SEGMENT,
        threads: [THREAD],
        cells: [],
        requests: [
          request("a", "exclusive", "held"),
          request("b", "shared", "held"),
          request("a", "shared", "waits"),
          request("c", "exclusive", "dead"),
        ],
      }],
    });
    const who = "deno run work.ts (process 7)";
    assert.deepEqual(
      things.map(({ name, tone, state, waiting, lines }) => [name, tone, state, waiting, lines]),
      [
        ["a", "busy", "held", 1, [[`Held by ${who}`], [`${who} waits`]]],
        ["b", "busy", "shared", 0, [[`Shared by ${who}`]]],
        ["c", "bad", "thread died", 0, [[`Its thread died: ${who}. The next one gets it.`]]],
      ],
    );
  });

  it("names holders by their commands, and waiters", () => {
    const since = new Date(1000);
    const lock = { state: "held", holders: [holder], token: 1, contents: "consistent" } as const;
    const held = thingOf("mutex", { ...lock, waiters: [{ owner: { pid: 9 }, since }] });
    assert.deepEqual([held.kind, held.tone, held.state], ["lock", "busy", "held"]);
    assert.deepEqual(held.lines, [["Held by deno run work.ts (process 7)"], [
      "process 9 has waited for",
      1000,
    ]]);
    const dead = thingOf("mutex", {
      ...lock,
      state: "dead",
      holders: [{ ...holder, isGone: true }],
    });
    assert.deepEqual([dead.tone, dead.state], ["bad", "holder died"]);
    assert.match(
      textsOf(dead)[0],
      /^Its holder died: .*process 7\)\. The next one will recover it/,
    );
    const left = thingOf("mutex", { ...lock, state: "free", holders: [], contents: "recovered" });
    assert.deepEqual([left.tone, left.state], ["bad", "check the data"]);
    const seats = thingOf("semaphore 4", {
      ...lock,
      permits: 4,
      holders: [{ ...holder, permits: 2 }, { owner: { pid: 9 }, isGone: true, permits: 1 }],
    });
    assert.equal(seats.text, "3 of 4 in use");
    assert.deepEqual(textsOf(seats), [
      "Its holder died: process 9. The next ones get its 1 permit.",
      "Held by deno run work.ts (process 7), 2 permits",
    ]);
    const book = thingOf("rwlock", {
      ...lock,
      holders: [{ ...holder, role: "next writer" }, { ...holder, role: "reader" }],
    });
    assert.equal(book.state, "being read");
    assert.match(textsOf(book)[0], /^Next to write: /);
  });

  it("escapes what could make a name look like another one", () => {
    const { things } = look({ name: "a\u202eb\n", kind: "counter", value: 1 });
    assert.equal(things[0].name, "a\\u{202e}b\\u{a}");
  });
});

describe("Cards", () => {
  const counters = (...values: number[]) =>
    look(...values.map((value, i) => ({ name: `c${i}`, kind: "counter", value })));

  it("puts what is active first, and what needs a look before that", () => {
    const cards = new Cards();
    const scene = (c2: number, state: "free" | "dead") =>
      look(
        { name: "c1", kind: "counter", value: 1 },
        { name: "c2", kind: "counter", value: c2 },
        {
          name: "lock",
          kind: "mutex",
          state,
          holders: state === "dead" ? [{ owner: PROCESS, isGone: true }] : [],
          contents: "consistent",
          token: 1,
        },
      );
    const now = (seconds: number) => seconds * 1000;
    cards.note(scene(1, "free"), now(0));
    assert.deepEqual(names(cards.newsFor("", new Map())), ["c1", "c2", "lock"]);
    cards.note(scene(2, "free"), now(1));
    assert.deepEqual(names(cards.newsFor("", new Map())), ["c2", "c1", "lock"]);
    cards.note(scene(2, "dead"), now(2));
    const dead = cards.newsFor("", new Map());
    assert.deepEqual(names(dead), ["lock", "c2", "c1"]);
    assert.equal(dead.title, "lock: holder died");
    cards.note(scene(2, "free"), now(3));
    const news = cards.newsFor("lock", new Map());
    assert.deepEqual([news.title, news.shown], ["All is well", "1 name of 3 names"]);
    assert.deepEqual(textsOf(news.cards[news.order[0]]), ["Recovered after its holder died,"]);
    cards.note(look(), now(60));
    assert.deepEqual(cards.newsFor("", new Map()).order, []);
  });

  it("sends what has changed, and the points of a chart once", () => {
    const cards = new Cards();
    const sent = new Map();
    const news: News[] = [];
    for (const [i, value] of [0, 10, 30, 30].entries()) {
      cards.note(counters(value, 5), i * 1000);
      news.push(JSON.parse(JSON.stringify(cards.newsFor("", sent))));
    }
    const [id, calm] = news[0].order;
    assert.deepEqual(news.map(({ groups }) => groups !== undefined), [true, false, false, false]);
    assert.deepEqual(news.map(({ cards }) => calm in cards), [true, false, false, false]);
    assert.deepEqual(news.map(({ cards }) => cards[id]?.value), ["0", "10", "30", "30"]);
    assert.deepEqual(news.map(({ cards }) => cards[id]?.past), [
      undefined,
      [10],
      undefined,
      undefined,
    ]);
    assert.deepEqual(news.map(({ points }) => points[id]), [undefined, 10, 20, 0]);
    assert.equal(news[2].cards[id].speed, "+20 each second");
    assert.deepEqual(cards.newsFor("", new Map()).cards[id].past, [10, 20, 0]);
  });

  it("sends few of many names, also if all of them change", () => {
    const cards = new Cards();
    const sent = new Map();
    let text = "";
    for (let round = 0; round < 3; round++) {
      cards.note(counters(...Array.from({ length: 10_000 }, (_, i) => i + round)), round * 1000);
      text = JSON.stringify(cards.newsFor("", sent));
    }
    const { order, shown } = JSON.parse(text) as News;
    assert.equal(order.length, 60);
    assert.equal(shown, "Shows the 60 most active of 10,000 names.");
    assert.ok(text.length < 20_000, `${text.length}`);
  });
});
