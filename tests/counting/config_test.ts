import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ConfigError, parseCount } from "../../src/counting/config.ts";

function refusal(input: unknown): string {
  try {
    parseCount(input, "count.json");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  throw new assert.AssertionError({ message: `accepted ${JSON.stringify(input)}` });
}

describe("parseCount", () => {
  it("fills in defaults", () => {
    assert.deepEqual(parseCount({}, "count.json"), {
      unit: "process",
      workers: 4,
      repeat: 1,
      warm: true,
      json: false,
      csv: false,
      markdown: false,
    });
  });

  const wrong: [object, string][] = [
    [{ workers: 0 }, "workers must be a whole number from 1 to 256 (given 0)"],
    [{ workers: 257 }, "workers must be a whole number from 1 to 256 (given 257)"],
    [{ workers: "4" }, 'workers must be a whole number from 1 to 256 (given "4")'],
    [{ increments: 0.5 }, "increments must be a whole number from 1 to 1,000,000,000 (given 0.5)"],
    [{ repeat: -1 }, "repeat must be a whole number from 1 to 100 (given -1)"],
    [{ unit: "thread" }, 'unit must be process or worker (given "thread")'],
    [{ granularity: "loop" }, 'granularity must be increment or call (given "loop")'],
    [
      { runtimes: ["deno", "deno"] },
      "runtimes must be one or more of deno, bun, node, each at most once " +
      '(given ["deno","deno"])',
    ],
    [
      { runtimes: ["perl"] },
      'runtimes must be one or more of deno, bun, node, each at most once (given "perl")',
    ],
    [
      { runtimes: ["deno", "bun"], workers: 1 },
      "workers must be at least 2, one for each of deno, bun (given 1)",
    ],
    [{ strategies: [] }, "strategies must be one or more of file, file-lock, value,"],
    [{ directory: 7 }, "directory must be the path of a folder (given 7)"],
    [
      { redis: "http://127.0.0.1" },
      "redis must be an address such as redis://127.0.0.1:6379 " +
      "(given a text that may contain a password and is not shown)",
    ],
    [
      { strategies: ["atomic"], granularity: "call" },
      'granularity must be increment with atomic; only file-lock allows call (given "call")',
    ],
    [{ json: true, csv: true }, "only one of json, csv can be given"],
    [
      { strategies: ["atomik"] },
      "strategies must be one or more of file, file-lock, value, value-lock, value-lock-manual, " +
      "raw-value, raw-value-lock, array-lock, raw-array, manager, manager-lock, manager-get-set, " +
      "flag, atomic, striped, redis, redis-get-set, redis-lock, redis-coalesced " +
      '(given "atomik"); did you mean atomic?',
    ],
    [
      { runtimes: ["nodejs"] },
      "runtimes must be one or more of deno, bun, node, each at most once",
    ],
    [{ wokers: 4 }, '"wokers" is not a setting; did you mean workers?; the settings are '],
    [{ "a\u001b[2Jb": 4 }, '"a\\u001b[2Jb" is not a setting; the settings are '],
  ];
  for (const [input, message] of wrong) {
    it(`rejects ${JSON.stringify(input)}`, () => {
      const said = refusal(input);
      assert.ok(
        said.startsWith(`Cannot count: invalid settings in count.json:\n  ${message}`),
        said,
      );
    });
  }

  it("rejects a value that is no object, and lists all problems", () => {
    assert.match(refusal([]), /the settings must be a JSON object \(given \[\]\)/);
    assert.equal(refusal({ workers: 0, unit: 1, x: 2 }).split("\n").length, 4);
  });

  it("accepts the file that README.md names", () => {
    const root = new URL("../../", import.meta.url);
    const [, name] = /count --config (\S+)/.exec(readFileSync(new URL("README.md", root), "utf8"))!;
    const config = parseCount(JSON.parse(readFileSync(new URL(name, root), "utf8")), name);
    assert.ok(config.strategies!.length > 1);
  });
});
