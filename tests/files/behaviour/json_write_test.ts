import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DeadlockError, FileLock, JsonFile, type JsonFileOptions } from "../../../mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };

interface Jobs {
  done: number;
}

/** Gives `body` a document that may be missing. */
function withFile(
  options: JsonFileOptions<Jobs>,
  body: (file: JsonFile<Jobs>, path: string) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "jobs.json");
    using file = new JsonFile<Jobs>(path, { durable: false, ...options });
    await body(file, path);
  });
}

describe("JsonFile.write", () => {
  it("replaces the whole document, whatever was there", () =>
    withFile({}, async (file, path) => {
      assert.deepEqual(await file.write({ done: 1 }), { done: 1 });
      assert.equal(readFileSync(path, "utf8"), '{\n  "done": 1\n}\n');
      assert.deepEqual(file.writeSync({ done: 2 }), { done: 2 });
      writeFileSync(path, "damaged");
      await assert.rejects(file.read(), SyntaxError);
      file.writeSync({ done: 3 });
      assert.deepEqual(await file.read(), { done: 3 });
    }));

  it("checks the document by the schema, and that JSON can carry it", () => {
    const parse = (input: unknown): Jobs => {
      if (typeof (input as Jobs | undefined)?.done === "number") return input as Jobs;
      throw new Error("it needs done");
    };
    return withFile({ schema: { parse } }, async (file, path) => {
      for (const wrong of [{}, { done: NaN }, undefined, { done: 1, at: new Date() }] as Jobs[]) {
        await assert.rejects(file.write(wrong), Error);
        assert.throws(() => file.writeSync(wrong), Error);
      }
      assert.equal(existsSync(path), false);
      assert.deepEqual(await file.write({ done: 1 }), { done: 1 });
    });
  });

  it("waits for the lock, as its options say", DEADLINE, () =>
    withFile({}, async (file, path) => {
      using other = new FileLock(`${path}.lock`);
      const guard = other.acquireSync();
      await assert.rejects(file.write({ done: 1 }, { timeout: 1 }), { name: "TimeoutError" });
      assert.throws(() => file.writeSync({ done: 1 }, { timeout: 1 }), { name: "TimeoutError" });
      const write = file.write({ done: 2 });
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(existsSync(path), false);
      guard.release();
      assert.deepEqual(await write, { done: 2 });
    }));

  it(
    "inside an update of the same document is a DeadlockError",
    DEADLINE,
    () =>
      withFile({ initial: { done: 0 } }, async (file, path) => {
        using twin = new JsonFile<Jobs>(path);
        const writes = [file, twin].flatMap((inner) => [
          () => inner.write({ done: 5 }),
          () => inner.writeSync({ done: 5 }),
        ]);
        for (const write of writes) {
          await assert.rejects(
            file.update(async (document) => {
              await write();
              return document;
            }),
            DeadlockError,
          );
        }
        assert.deepEqual(await file.read(), { done: 0 });
        assert.deepEqual(await file.write({ done: 6 }), { done: 6 });
      }),
  );

  it("is refused after a close", () =>
    withFile({}, async (file, path) => {
      file.close();
      await assert.rejects(file.write({ done: 1 }), TypeError);
      assert.throws(() => file.writeSync({ done: 1 }), TypeError);
      assert.equal(existsSync(path), false);
    }));
});

describe("JsonFile.read", () => {
  it("rejects with what readSync throws", () =>
    withFile({}, async (file, path) => {
      await assert.rejects(file.read(), { code: "ENOENT", path });
      writeFileSync(path, "{");
      await assert.rejects(file.read(), SyntaxError);
    }));
});
