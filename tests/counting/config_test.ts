import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError, parseCount } from "../../src/counting/config.ts";

function refusal(input: unknown): string {
  try {
    parseCount(input, "here");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  throw new assert.AssertionError({ message: `accepted ${JSON.stringify(input)}` });
}

describe("parseCount", () => {
  it("has defaults", () => {
    assert.deepEqual(parseCount({}, "here"), {
      unit: "process",
      workers: 4,
      increments: 1000,
      granularity: "increment",
      repeat: 1,
      warm: true,
      json: false,
    });
  });

  const wrong: [object, string][] = [
    [{ workers: 0 }, "workers: given 0; allowed: a whole number from 1 to 256"],
    [{ workers: 257 }, "workers: given 257; allowed: a whole number from 1 to 256"],
    [{ workers: "4" }, 'workers: given "4"; allowed: a whole number from 1 to 256'],
    [{ increments: 0.5 }, "increments: given 0.5; allowed: a whole number from 1 to 1,000,000,000"],
    [{ repeat: -1 }, "repeat: given -1; allowed: a whole number from 1 to 100"],
    [{ unit: "thread" }, 'unit: given "thread"; allowed: process, worker'],
    [{ granularity: "loop" }, 'granularity: given "loop"; allowed: increment, call'],
    [
      { runtimes: ["deno", "deno"] },
      'runtimes: given ["deno","deno"]; allowed: deno, bun, node, each one once',
    ],
    [{ runtimes: ["perl"] }, 'runtimes: given "perl"; allowed: deno, bun, node, each one once'],
    [
      { runtimes: ["deno", "bun"], workers: 1 },
      "workers: given 1; allowed: at least 2, one for each of deno, bun",
    ],
    [{ strategies: [] }, "strategies: given []; allowed: file, file-lock, value,"],
    [{ directory: 7 }, "directory: given 7; allowed: the path of a folder"],
    [
      { redis: "http://127.0.0.1" },
      "redis: given something else, which may hold a password; allowed: an address such as " +
      "redis://127.0.0.1:6379",
    ],
    [
      { strategies: ["atomic"], granularity: "call" },
      'granularity: given "call" with atomic; allowed: "call" with file-lock only',
    ],
    [{ wokers: 4 }, "wokers: no such field; allowed: "],
  ];
  for (const [input, message] of wrong) {
    it(`refuses ${JSON.stringify(input)}`, () => {
      const said = refusal(input);
      assert.ok(said.startsWith(`Cannot use here:\n  ${message}`), said);
    });
  }

  it("refuses what is no object, and lists all that is wrong", () => {
    assert.match(refusal([]), /given \[\]; allowed: a JSON object/);
    assert.equal(refusal({ workers: 0, unit: 1, x: 2 }).split("\n").length, 4);
  });
});
