import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkFileAccess, type FileAccessOptions } from "../../src/contract/file_access.ts";

const check = (options: unknown) => () =>
  checkFileAccess(options as FileAccessOptions, "make a file lock");

describe("checkFileAccess", () => {
  it("accepts permission bits with which the owner can read and write, and a group", () => {
    for (const mode of [undefined, 0o600, 0o660, 0o664, 0o777]) check({ mode })();
    for (const group of [undefined, 0, 2 ** 32 - 2, "staff", "1001"]) check({ group })();
  });

  it("refuses another mode, and says what is wrong", () => {
    for (const mode of ["660", null, {}, 0o660n]) {
      assert.throws(check({ mode }), {
        name: "TypeError",
        message: /: mode must be a number such/,
      });
    }
    for (const mode of [-1, 0o1000, 1.5, NaN, Infinity]) {
      assert.throws(check({ mode }), { name: "RangeError", message: /: mode must be permission/ });
    }
    for (const mode of [0, 0o060, 0o444, 0o577]) {
      assert.throws(check({ mode }), { name: "RangeError", message: /: mode must let the owner/ });
    }
    const decimal = () => checkFileAccess({ mode: 660 }, "open a segment", "permissions");
    assert.throws(decimal, /^RangeError: Cannot open a segment: permissions must be permission/);
  });

  it("refuses another group, and says what is wrong", () => {
    for (const group of ["", null, [], true]) {
      assert.throws(check({ group }), {
        name: "TypeError",
        message: /: group must be a number or/,
      });
    }
    for (const group of [-1, 2 ** 32 - 1, 0.5, NaN]) {
      assert.throws(check({ group }), { name: "RangeError", message: /: group must be a number/ });
    }
  });
});
