import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CANDIDATES } from "../../src/advice/candidates.ts";
import { decide, type Wish } from "../../src/advice/decide.ts";
import { figures, MEASURED, WISH } from "./figures.ts";

const chosen = (wish: Partial<Wish>) =>
  decide({ ...WISH, ...wish }, MEASURED).chosen?.candidate.name;
const why = (wish: Partial<Wish>, name: string) =>
  decide({ ...WISH, ...wish }, MEASURED).rejected.find(({ candidate }) => candidate.name === name)
    ?.why;

describe("decide", () => {
  it("chooses the simplest candidate that meets the requirements", () => {
    assert.equal(chosen({}), "AtomicCounter in a named segment");
    assert.equal(chosen({ reach: "process" }), "AtomicCounter in an anonymous segment");
    assert.equal(chosen({ survives: "crash" }), "AtomicCounter in a named segment");
    assert.equal(chosen({ survives: "power" }), "FileCounter, durable");
    assert.equal(chosen({ need: "lock" }), "Mutex in a named segment");
    assert.equal(chosen({ need: "lock", reach: "process" }), "Mutex in an anonymous segment");
  });

  it("chooses the fastest if the simplest has no reserve", () => {
    assert.equal(chosen({ rate: 50e6 }), "AtomicCounter in a named segment");
    assert.equal(chosen({ rate: 51e6 }), "StripedCounter in a named segment");
    assert.equal(chosen({ rate: 399e6 }), "StripedCounter in a named segment");
  });

  it("counts what several tasks do at once, not what one awaits", () => {
    assert.equal(chosen({ survives: "power", rate: 20_001 }), "FileCounter, durable");
    assert.equal(chosen({ survives: "power", rate: 200_000 }), "FileCounter, durable");
    assert.equal(chosen({ survives: "power", rate: 200_001 }), undefined);
  });

  it("chooses one that loses adds only if no other is fast enough", () => {
    assert.equal(chosen({ readable: true, rate: 62_000 }), "FileCounter");
    assert.equal(chosen({ readable: true, rate: 200_001 }), "FileCounter in batches");
    assert.match(why({ readable: true }, "FileCounter in batches")!, /^loses adds if a process/);
  });

  it("prefers measured candidates, and without figures the simplest", () => {
    const { chosen, rejected } = decide(WISH, figures({ "FileCounter": [5000, 8000] }));
    assert.equal(chosen?.candidate.name, "FileCounter");
    assert.deepEqual(
      rejected.filter(({ why }) => why === "was not measured").map(({ candidate }) =>
        candidate.name
      ),
      [
        "AtomicCounter in a named segment",
        "StripedCounter in a named segment",
        "FileCounter, durable",
        "RedisCounter",
        "RedisCounter on a server that stores each write",
        "FileCounter in batches",
        "RedisCounter, coalesced",
      ],
    );
    const plainest = decide(WISH, figures({})).chosen?.candidate.name;
    assert.equal(plainest, "AtomicCounter in a named segment");
  });

  it("gives the reasons against the others", () => {
    assert.equal(
      why({}, "AtomicCounter in an anonymous segment"),
      "is for the workers of one process only",
    );
    assert.equal(why({ survives: "power" }, "FileCounter"), "does not survive a power loss");
    assert.equal(
      why({ survives: "power" }, "FileCounter in batches"),
      "does not survive a killed process",
    );
    assert.equal(why({ rate: 1e6 }, "FileCounter"), "does at most 125,000 per second");
    assert.equal(why({}, "FileCounter"), "takes 1250 times as long");
    assert.equal(
      why({ readable: true }, "AtomicCounter in a named segment"),
      "is read by Interlock only",
    );
    assert.equal(
      why({}, "StripedCounter in a named segment"),
      "can do more per second, which this rate does not need",
    );
  });

  it("returns every candidate, as the choice or with a reason", () => {
    for (const need of ["counter", "lock"] as const) {
      const { chosen, rejected } = decide({ ...WISH, need }, MEASURED);
      const all = CANDIDATES.filter((one) => one.need === need);
      assert.equal(rejected.length + Number(chosen !== undefined), all.length);
    }
  });
});
