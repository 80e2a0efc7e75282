import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { meansLocked, windowsError } from "../../../src/runtime/windows/kernel32.ts";

describe("The errors of Windows", () => {
  it("have the names of the same errors elsewhere", () => {
    for (const [number, code] of [[2, "ENOENT"], [3, "ENOENT"], [5, "EACCES"], [112, "ENOSPC"]]) {
      const error = windowsError("open", "C:\\a", number as number);
      assert.equal((error as NodeJS.ErrnoException).code, code);
      assert.ok(error.message.includes("C:\\a") && error.message.includes(code as string));
    }
    assert.match(windowsError("open", "C:\\a", 1234).message, /Windows error 1234/);
  });

  it("mean that the lock is held, except those of files without locks", () => {
    const [violation, pending, lost] = [33, 997, 0];
    for (const number of [violation, pending, lost]) assert.equal(meansLocked(number), true);
    const [invalidFunction, invalidHandle, notSupported] = [1, 6, 50];
    for (const number of [invalidFunction, invalidHandle, notSupported]) {
      assert.equal(meansLocked(number), false);
    }
  });
});
