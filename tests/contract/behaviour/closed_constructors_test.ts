import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter, FileLock, Memory, Segment } from "../../../mod.ts";
import { ourError } from "../../support/our_error.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

type Constructor = new (...args: unknown[]) => object;

describe("A program cannot construct", () => {
  const { handle } = Memory.anonymous(1024);
  const mapping = { buffer: new SharedArrayBuffer(131072), base: 0, address: 0x400000, length: 1 };
  const wrong = [[], [handle, 2 ** 30], [mapping, 131072], [Symbol("construct"), handle, 131072]];

  it("a Memory, nor one of a class of its own", () => {
    const memory = Memory as unknown as Constructor;
    class Mine extends memory {}
    for (const args of wrong) {
      for (const target of [memory, Mine]) {
        assert.throws(() => Reflect.construct(target, args), ourError(TypeError));
        assert.throws(() => Reflect.construct(memory, args, target), ourError(TypeError));
      }
    }
  });

  it("a Segment, nor one of a class of its own", () => {
    const segment = Segment as unknown as Constructor;
    class Mine extends segment {}
    for (const args of [...wrong, [Memory.anonymous(1024), "a", "/tmp"]]) {
      for (const target of [segment, Mine]) {
        assert.throws(() => Reflect.construct(target, args), ourError(TypeError));
      }
    }
  });

  it("a batch of a counter", () =>
    inScratchFolder(async (folder) => {
      using counter = new FileCounter(join(folder, "counter"));
      await using batch = counter.batch();
      using blocking = counter.batchSync();
      for (const each of [batch, blocking]) assert.equal(each.constructor, Object);
    }));
});

describe("A program cannot change", () => {
  it("the token of a guard, nor whether it recovered the lock", () =>
    inScratchFolder((folder) => {
      using lock = new FileLock(join(folder, "lock"));
      using first = lock.acquireSync();
      using second = Segment.anonymous().mutex("jobs").acquireSync();
      for (const guard of [first, second]) {
        const { token, recovered, previousOwner } = guard;
        assert.equal(typeof token, "number");
        for (const name of ["token", "recovered", "previousOwner"]) {
          assert.throws(() => Object.assign(guard, { [name]: 5 }), TypeError);
        }
        assert.deepEqual(
          [guard.token, guard.recovered, guard.previousOwner],
          [token, recovered, previousOwner],
        );
      }
    }));
});
