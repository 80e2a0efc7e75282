import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { z } from "zod";
import { FileLock, JsonFile } from "../../mod.ts";
import { Child } from "../support/child.ts";
import { runtimesHere } from "../support/runtimes_here.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const CHANGER = new URL("./fixtures/changing_process.ts", import.meta.url);
interface Jobs {
  done: number;
}

describe("JsonFile", () => {
  it("writes the document that the change returns", () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "new", "jobs.json");
      using file = new JsonFile<Jobs>(path, { initial: { done: 0 } });
      assert.deepEqual(file.readSync(), { done: 0 });
      assert.deepEqual(file.updateSync(({ done }) => ({ done: done + 1 })), { done: 1 });
      assert.equal(readFileSync(path, "utf8"), '{\n  "done": 1\n}\n');
      const written = await file.update(async ({ done }) => {
        await Promise.resolve();
        return { done: done + 1 };
      }, { timeout: 1000 });
      assert.deepEqual(written, { done: 2 });
      assert.deepEqual(file.readSync(), { done: 2 });
      assert.deepEqual(readdirSync(join(folder, "new")).sort(), ["jobs.json", "jobs.json.lock"]);
    }));

  it("gives a copy of the initial document each time", () =>
    inScratchFolder((folder) => {
      using file = new JsonFile<Jobs>(join(folder, "jobs.json"), { initial: { done: 0 } });
      file.readSync().done = 7;
      assert.deepEqual(file.readSync(), { done: 0 });
    }));

  it("loses no change if many are made at once", () =>
    inScratchFolder(async (folder) => {
      using file = new JsonFile<Jobs>(join(folder, "jobs.json"), {
        initial: { done: 0 },
        durable: false,
      });
      const changes = Array.from({ length: 50 }, () =>
        file.update(async ({ done }) => {
          await Promise.resolve();
          return { done: done + 1 };
        }));
      await Promise.all(changes);
      assert.deepEqual(file.readSync(), { done: 50 });
    }));

  it("is indented as the option says", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "jobs.json");
      for (const [indent, text] of [[undefined, "  "], [4, "    "], ["\t", "\t"]] as const) {
        using file = new JsonFile<Jobs>(path, { indent });
        file.writeSync({ done: 1 });
        assert.equal(readFileSync(path, "utf8"), `{\n${text}"done": 1\n}\n`);
      }
      for (const indent of [0, ""]) {
        using file = new JsonFile<Jobs>(path, { indent });
        file.writeSync({ done: 1 });
        assert.equal(readFileSync(path, "utf8"), '{"done":1}\n');
      }
      for (const indent of [-1, 11, 1.5, NaN, "x", " ".repeat(11)]) {
        assert.throws(() => new JsonFile(path, { indent }), {
          name: "RangeError",
          message: /^Cannot open a document: indent must be a number from 0 to 10/,
        });
      }
      assert.throws(() => new JsonFile(path, { indent: true as unknown as number }), TypeError);
    }));

  it("keeps a file that it cannot read, or cannot write the change of", () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "jobs.json");
      using file = new JsonFile<Jobs>(path);
      assert.throws(() => file.readSync(), { code: "ENOENT" });
      const hostile = '{\n"done":\x1b[31m 1\x9b2J }';
      for (const contents of ["", "{", "\xff\xfe", hostile, hostile.slice(9)]) {
        writeFileSync(path, contents, "latin1");
        assert.throws(() => file.readSync(), { name: "SyntaxError", message: /is unchanged$/ });
        await assert.rejects(file.update(() => ({ done: 1 })), (error: Error) => {
          assert.equal(error.name, "SyntaxError");
          // deno-lint-ignore no-control-regex
          assert.doesNotMatch(error.message, /[\x00-\x1f\x7f-\x9f]/);
          assert.equal(error.cause, undefined);
          return true;
        });
        assert.equal(readFileSync(path, "latin1"), contents);
      }
      writeFileSync(path, '{"done":1}');
      const wrong = [() => undefined, () => 1n, () => {
        throw new Error("mine");
      }];
      for (const change of wrong as unknown as (() => Jobs)[]) {
        assert.throws(() => file.updateSync(change), Error);
        assert.equal(readFileSync(path, "utf8"), '{"done":1}');
      }
      assert.deepEqual(file.updateSync((jobs) => jobs), { done: 1 }, "the lock was kept");
    }));

  it("checks by its schema what it reads and what it writes", () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "jobs.json");
      const schema = z.strictObject({ done: z.int().min(0) });
      using file = new JsonFile(path, { schema, initial: { done: 0 } });
      await assert.rejects(file.update(() => ({ done: -1 })), { name: "ZodError" });
      file.updateSync(() => ({ done: 1 }));
      writeFileSync(path, '{"done":"1"}');
      assert.throws(() => file.readSync(), { name: "ZodError" });
      assert.throws(() => file.updateSync((jobs) => jobs), { name: "ZodError" });
      assert.equal(readFileSync(path, "utf8"), '{"done":"1"}');
    }));

  it("waits for the lock until its timeout, and keeps the mode of the file", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "jobs.json");
      writeFileSync(path, '{"done":1}');
      chmodSync(path, 0o640);
      using file = new JsonFile<Jobs>(path);
      using lock = new FileLock(`${path}.lock`);
      const guard = lock.acquireSync();
      assert.throws(() => file.updateSync((jobs) => jobs, { timeout: 0 }), {
        name: "TimeoutError",
      });
      assert.deepEqual(file.readSync(), { done: 1 }, "a reader waited for the lock");
      guard.release();
      file.updateSync((jobs) => jobs);
      assert.equal(statSync(path).mode & 0o777, 0o640);
    }));

  it(
    "is whole at any time that a process that changes it is killed",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "jobs.json");
        using file = new JsonFile<Jobs & { filler: string }>(path, {
          initial: { done: 0, filler: "" },
        });
        let least = 0;
        const runtimes = runtimesHere();
        for (let round = 0; round < 9; round++) {
          await using child = Child.in(runtimes[round % runtimes.length], CHANGER, path);
          let said = 0;
          for (let i = 0; i <= round; i++) said = Number(await child.line());
          child.kill();
          await child.ended;
          const { done } = file.readSync();
          assert.ok(done >= said && said > least, `${done}, ${said}, ${least}`);
          least = done;
        }
      }),
  );
});
