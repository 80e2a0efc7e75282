import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Child, executableOf } from "../../support/child.ts";

const node = executableOf("node");
const WARNING = new URL("../fixtures/warning_process.ts", import.meta.url);

describe("Calls of C in Node", { skip: node === undefined && "INTERLOCK_NODE is not set" }, () => {
  it("warn of nothing, and the program's own warnings remain", { timeout: 60_000 }, async () => {
    const { code, stderr } = await Child.in("node", WARNING).ended;
    assert.equal(code, 0, stderr);
    const warnings = stderr.split("\n").filter((line) => line.includes("Warning: "))
      .map((line) => line.replace(/.*Warning: /, ""));
    assert.deepEqual(warnings, ["of the program", "of the program"]);
  });
});
