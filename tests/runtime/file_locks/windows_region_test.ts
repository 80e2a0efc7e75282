import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { regionOf } from "../../../src/runtime/file_locks/windows_region.ts";

/** The bytes of 32-bit words, the lower one first. */
const words = (...numbers: number[]) => [...new Uint8Array(Uint32Array.from(numbers).buffer)];

describe("regionOf", () => {
  it("puts a range into an OVERLAPPED and two halves of its length", () => {
    const { overlapped, lengthLow, lengthHigh } = regionOf({
      start: 0x1_2345_6789,
      length: 0x2_0000_0003,
    });
    // Internal, InternalHigh, Offset, OffsetHigh, hEvent.
    assert.deepEqual([...overlapped], words(0, 0, 0, 0, 0x23456789, 1, 0, 0));
    assert.deepEqual([lengthLow, lengthHigh], [3, 2]);
  });

  it("locks a whole file by one byte beyond the end of any file", () => {
    const { overlapped, lengthLow, lengthHigh } = regionOf(undefined);
    assert.deepEqual([...overlapped], words(0, 0, 0, 0, 0, 0x40000000, 0, 0));
    assert.deepEqual([lengthLow, lengthHigh], [1, 0]);
  });

  it("ends a range without an end below that byte", () => {
    for (const start of [0, 1, 4096, 2 ** 53 - 1]) {
      const { lengthLow, lengthHigh } = regionOf({ start, length: 0 });
      const end = BigInt(start) + (BigInt(lengthHigh) << 32n) + BigInt(lengthLow);
      assert.ok(end <= 2n ** 62n, `${start}: ${end}`);
      assert.ok(end >= 2n ** 61n, `${start}: ${end}`);
    }
  });
});
