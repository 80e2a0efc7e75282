import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Flag } from "../../src/memory/mod.ts";
import { assertPlaces, itInBoth } from "./fixtures/places.ts";

describe("Flag", () => {
  it("is placed on any byte inside of the memory", () => {
    assertPlaces((memory, offset) => new Flag(memory, offset), 1, 1);
  });

  itInBoth("is set and cleared for all who open the memory", (memory, again) => {
    const flag = new Flag(memory, 3);
    const seen = new Flag(again(), 3);
    assert.equal(seen.isSet, false);
    flag.set();
    flag.set();
    assert.equal(seen.isSet, true);
    seen.clear();
    assert.equal(flag.isSet, false);
  });

  itInBoth("leaves its neighbours alone", (memory) => {
    const flags = [4, 5, 6].map((offset) => new Flag(memory, offset));
    for (const flag of flags) flag.set();
    flags[1].clear();
    assert.deepEqual(flags.map(({ isSet }) => isSet), [true, false, true]);
  });
});
