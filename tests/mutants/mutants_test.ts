import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { FILE_MUTANTS } from "./file_mutants.ts";
import { MEMORY_MUTANTS } from "./mutants.ts";
import { REDIS_MUTANTS } from "./redis_mutants.ts";

const ROOT = new URL("../../", import.meta.url);
const ALL = [...MEMORY_MUTANTS, ...FILE_MUTANTS, ...REDIS_MUTANTS];

describe("the mutants", () => {
  it("change texts that occur exactly once", () => {
    for (const { name, changes } of ALL) {
      for (const { file, text } of changes) {
        const found = readFileSync(new URL(file, ROOT), "utf8").split(text).length - 1;
        assert.equal(found, 1, `${name}: ${file} contains it ${found} times: ${text}`);
      }
    }
  });

  it("name tests that exist", () => {
    const files = readdirSync(new URL("tests", ROOT), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith("_test.ts"));
    for (const { name, tests } of ALL) {
      for (const test of tests) {
        assert.ok(files.some((file) => file.startsWith(test)), `${name}: there is no ${test}`);
      }
    }
  });
});
