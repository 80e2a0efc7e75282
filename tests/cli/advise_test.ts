import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { interlock } from "./interlock.ts";

const SAMPLE = new URL("../bench/fixtures/results.json", import.meta.url).pathname;

describe("interlock advise", () => {
  it("uses the run of --results", async () => {
    const flags = ["--for", "counter", "--where", "machine", "--runtime", "deno"];
    const { status, stdout } = await interlock(["advise", ...flags, "--results", SAMPLE]);
    assert.equal(status, 0);
    assert.match(stdout, /^Use: AtomicCounter in a named segment\n {2}Up to .* in Deno:\n/);
    assert.match(stdout, /\n {4}[\d.]+ ns per add alone\n/);
    assert.match(stdout, /\n {2}Measured 2026-11-24 on 2 cores of made up, for tests/);
  });

  it("prefers what people can read if they must, and takes 20k for a rate", async () => {
    const flags = ["-f", "counter", "-w", "machine", "--readable", "-n", "20k", "-j"];
    const { status, stdout } = await interlock(["advise", ...flags]);
    assert.equal(status, 0);
    const { wish, use } = JSON.parse(stdout);
    assert.deepEqual([wish.rate, wish.readable, use.name], [20_000, true, "FileCounter"]);
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
      [
        "--for lock --where machine --rate 0",
        /--rate must be a number above 0, such as 5000 or 5k \(given 0\)/,
      ],
      ["-f lock -w machine -n many", /^-n must be a number above 0.* \(given many\)/],
      ["--rate redis://me:secret@host", /--rate must be .* \(given an address, not shown\)/],
      ["-f lock -w machine --results /no.json", /^Cannot read "\/no\.json": no such file .*ENOENT/],
      ["-f lock -w machine --results /tmp", /^Cannot read "\/tmp": it is a directory \(EISDIR\)/],
      ["-f lock -w machine --results README.md", /^Cannot use README\.md: .*: line 1, column 1/],
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
