import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { interlock } from "./interlock.ts";

const SAMPLE = new URL("../bench/fixtures/results.json", import.meta.url).pathname;

describe("interlock advise", () => {
  it("uses the run of --results", async () => {
    const flags = ["--for", "counter", "--where", "machine", "--runtime", "deno"];
    const { status, stdout } = await interlock(["advise", ...flags, "--results", SAMPLE]);
    assert.equal(status, 0);
    assert.match(stdout, /^Use: AtomicCounter in a named segment\n {2}Deno: .* ns per add alone, /);
    assert.match(stdout, /\n {2}Measured 2026-11-24 on 2 cores of made up, for tests/);
  });

  it("ends with 1 if nothing is suitable", async () => {
    const flags = ["--for", "counter", "--where", "machine", "--rate", "1e15", "--json"];
    const { status, stdout } = await interlock(["advise", ...flags, "--results", SAMPLE]);
    assert.equal(status, 1);
    assert.equal(JSON.parse(stdout).use, null);
  });

  it("ends with 2 if options are missing or wrong", async () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ["", /without --for and --where/],
      ["--for lock --where machine --rate 0", /--rate must be above 0 \(given 0\)/],
      ["--rate redis://me:secret@host", /--rate must be above 0 \(given an address, not shown\)/],
      ["--for lock --where machine --results deno.json", /deno\.json: not the results of/],
    ];
    await Promise.all(wrong.map(async ([flags, message]) => {
      const { status, stderr } = await interlock(["advise", ...flags.split(" ").filter(Boolean)]);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /secret/);
      assert.doesNotMatch(stderr, /^\s+at /m, "no stack trace");
    }));
  });
});
