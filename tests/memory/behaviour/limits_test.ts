import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SegmentFormatError } from "../../../src/contract/mod.ts";
import { checksum, HEADER, LONGEST, newHeader } from "../../../src/memory/layout.ts";
import { regionOf } from "../../../src/memory/memory.ts";
import {
  AtomicCounter,
  Memory,
  RawArray,
  Segment,
  StripedCounter,
} from "../../../src/memory/mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { cannotMount, runMounted } from "../../support/mounted.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const SMALL = new URL("../fixtures/full_disk_process.ts", import.meta.url);
const UNIT = 65536;
const MOST = LONGEST - HEADER.end;

/** Plants a sparse file whose header says that its length is `says`. */
function plant(path: string, length: number, says: bigint = BigInt(length)): void {
  const header = newHeader(0);
  const view = new DataView(header.buffer);
  view.setBigUint64(HEADER.length, says, true);
  view.setUint32(HEADER.checksum, checksum(header.subarray(0, HEADER.checksum)), true);
  view.setUint32(HEADER.units, Number(BigInt.asUintN(32, says / BigInt(UNIT))), true);
  writeFileSync(path, header.subarray(0, length));
  truncateSync(path, length);
  chmodSync(path, 0o600);
}

const isTooLong = (error: unknown) => {
  assert.ok(error instanceof RangeError, String(error));
  assert.match(error.message, /the most is 1073475584, which is 1 GiB with the header/);
  return true;
};

describe("A memory of more than 1 GiB", () => {
  for (const size of [MOST + 1, 2.5 * 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_VALUE]) {
    it(`is refused before a file is created: ${size} bytes`, () =>
      inScratchFolder((directory) => {
        for (
          const make of [
            () => Memory.anonymous(size),
            () => Segment.anonymous(size),
            () => Memory.map(join(directory, "memory"), size),
            () => Memory.map(join(directory, "memory"), size, { create: "exclusive" }),
            () => Segment.open("memory", { size, directory }),
            () => Segment.open("memory", { size, directory, create: "exclusive" }),
          ]
        ) assert.throws(make, isTooLong);
        assert.deepEqual(readdirSync(directory), []);
      }));
  }

  for (const length of [LONGEST + UNIT, 2 ** 31, 3 * 2 ** 30, 2 ** 32 + UNIT]) {
    it(`is refused if its file exists: ${length} bytes`, () =>
      inScratchFolder((directory) => {
        const path = join(directory, "memory");
        plant(path, length);
        assert.throws(() => Memory.map(path), isTooLong);
        assert.throws(() => Memory.map(path, 1), isTooLong);
        assert.throws(() => Segment.open("memory", { directory, create: false }), isTooLong);
      }));
  }
});

describe("A memory of 1 GiB", () => {
  it("is used to its end", DEADLINE, () =>
    inScratchFolder((directory) => {
      plant(join(directory, "memory"), LONGEST);
      using segment = Segment.open("memory", { directory, create: false });
      const { memory } = segment;
      assert.equal(memory.size, MOST);
      const counter = new AtomicCounter(memory, MOST - 8);
      assert.equal(counter.fetchAdd(7), 0);
      assert.equal(counter.value, 7);
      const array = segment.rawArray("all", Math.floor((segment.free - 128) / 8), "Float64");
      array.set(array.length - 1, 0.5);
      assert.equal(array.get(array.length - 1), 0.5);
      assert.equal(segment.free < 128, true);
      assert.throws(() => segment.counter("more"), /RangeError.*takes 256 bytes/s);
    }));

  // The other runtimes map as much as the system allows.
  if (adapter.mapping === "over-wasm") {
    it("creates no file that its thread could not map", () =>
      inScratchFolder((directory) => {
        plant(join(directory, "memory"), 900 * 2 ** 20);
        using _segment = Segment.open("memory", { directory, create: false });
        assert.throws(
          () => Segment.open("more", { directory, size: 200 * 2 ** 20 }),
          /RangeError: Cannot map \d+ bytes: a thread maps 1 GiB at most/,
        );
        assert.equal(existsSync(join(directory, "more")), false);
      }));
  }
});

describe("A planted file", () => {
  it(
    "of any length is refused with a clear error, or is a memory",
    DEADLINE,
    () =>
      inScratchFolder((directory) => {
        const path = join(directory, "memory");
        const edges = [1024, UNIT, HEADER.end, HEADER.end + 128, 4 * UNIT, 5 * UNIT, 6 * UNIT];
        const lengths = new Set(Array.from({ length: 130 }, (_, i) => i));
        for (const edge of edges) for (const by of [-8, -1, 0, 1, 8]) lengths.add(edge + by);
        for (const length of lengths) {
          plant(path, length);
          if (length > HEADER.end && length % UNIT === 0) {
            using segment = Segment.open("memory", { directory, create: false });
            segment.mutex("jobs").acquireSync().release();
            continue;
          }
          const isClear = (error: unknown) =>
            error instanceof SegmentFormatError && /(has|says) \d+ bytes/.test(error.message);
          assert.throws(() => Memory.map(path), isClear, `${length} bytes`);
          assert.throws(() => Segment.open("memory", { directory }), isClear, `${length} bytes`);
          assert.deepEqual(Segment.list({ directory }), []);
        }
      }),
  );

  it("is refused if its header says another length", () =>
    inScratchFolder((directory) => {
      const path = join(directory, "memory");
      const lies = [
        0n,
        1n,
        266_240n,
        262_144n,
        393_216n,
        2n ** 31n,
        2n ** 32n + 327_680n,
        2n ** 64n - 1n,
      ];
      for (const says of lies) {
        plant(path, 5 * UNIT, says);
        assert.throws(() => Memory.map(path), /SegmentFormatError: .*its header says/, `${says}`);
      }
    }));

  it("is refused if its directory uses more bytes than there are", () => {
    for (const used of [2 ** 31, 2 ** 32 - 128, 2 ** 31 - 128, 129]) {
      const segment = Segment.anonymous();
      regionOf(segment.memory).atomics.store32(regionOf(segment.memory).base + HEADER.used, used);
      assert.ok(segment.free >= 0 && segment.free <= segment.size);
      assert.throws(() => segment.counter("here"), SegmentFormatError);
    }
  });
});

describe("Arrays and striped counters", () => {
  it("are refused if they do not fit", () => {
    const memory = Memory.anonymous(1024);
    for (const length of [2 ** 29, 2 ** 31, 2 ** 32, 2 ** 53, 1e300]) {
      assert.throws(() => new RawArray(memory, 0, length, "Float64"), RangeError);
      assert.throws(() => new StripedCounter(memory, 0, length, 0), RangeError);
      assert.throws(() => Segment.anonymous(1).array("long", length), RangeError);
    }
  });
});

const skip = cannotMount("mount -t tmpfs none /tmp");
describe("A segment on a full file system", { skip }, () => {
  it("fails with ENOSPC, and leaves no file", DEADLINE, () =>
    inScratchFolder((folder) => {
      runMounted(`mount -t tmpfs -o size=512k none ${folder}`, SMALL, folder);
    }));
});
