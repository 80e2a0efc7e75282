import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { FILE_MUTANTS } from "./file_mutants.ts";
import { MEMORY_MUTANTS } from "./mutants.ts";

describe("the mutants", () => {
  it("change texts that occur exactly once", () => {
    const ROOT = new URL("../../", import.meta.url);
    for (const { name, changes } of [...MEMORY_MUTANTS, ...FILE_MUTANTS]) {
      for (const { file, text } of changes) {
        const found = readFileSync(new URL(file, ROOT), "utf8").split(text).length - 1;
        assert.equal(found, 1, `${name}: ${file} contains it ${found} times: ${text}`);
      }
    }
  });
});
