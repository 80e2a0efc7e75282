import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter, FileLock } from "../../mod.ts";
import { libc } from "../../src/runtime/mod.ts";
import { Child } from "../support/child.ts";
import { runtimesHere } from "../support/runtimes_here.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const ADDER = new URL("./fixtures/adding_process.ts", import.meta.url);
const text = (path: string) => readFileSync(path, "utf8");

for (const options of [{}, { editable: false }, { durable: true }]) {
  describe(`FileCounter ${JSON.stringify(options)}`, () => {
    it("begins at 0 in a new file, and counts in text", () =>
      inScratchFolder((folder) => {
        const path = join(folder, "new", "count");
        using counter = new FileCounter(path, options);
        assert.equal(text(path), "0\n");
        counter.addSync();
        assert.equal(text(path), "1\n");
        counter.addSync(122);
        assert.equal(text(path), "123\n");
        assert.equal(counter.getSync(), 123);
        counter.addSync(-23);
        counter.addSync(-101);
        assert.equal(counter.getSync(), -1);
        counter.setSync(Number.MAX_SAFE_INTEGER);
        assert.equal(text(path), `${Number.MAX_SAFE_INTEGER}\n`);
        assert.equal(statSync(path).mode & 0o777, 0o600);
        const left = readdirSync(join(folder, "new"));
        assert.deepEqual(left.filter((name) => !name.endsWith(".commit")), ["count"]);
      }));

    it("never makes the text shorter", () =>
      inScratchFolder((folder) => {
        const path = join(folder, "count");
        writeFileSync(path, "1000\n");
        using counter = new FileCounter(path, options);
        let length = 5;
        for (const n of [-1, -990, -9, -1, 5000, 1, -12345, 2 ** 40]) {
          counter.addSync(n);
          const now = text(path);
          assert.ok(now.length >= length && /^-?\d+ *\n$/.test(now), JSON.stringify(now));
          length = now.length;
        }
        assert.equal(counter.getSync(), 1000 - 1 - 990 - 9 - 1 + 5000 + 1 - 12345 + 2 ** 40);
      }));

    it("keeps the exact range", () =>
      inScratchFolder((folder) => {
        using counter = new FileCounter(join(folder, "count"), options);
        counter.setSync(Number.MAX_SAFE_INTEGER);
        assert.throws(() => counter.addSync(), RangeError);
        counter.addSync(-1);
        assert.equal(counter.getSync(), Number.MAX_SAFE_INTEGER - 1);
        counter.setSync(Number.MIN_SAFE_INTEGER);
        assert.throws(() => counter.addSync(-1), RangeError);
        assert.throws(() => counter.addSync(2 ** 53), RangeError);
        assert.throws(() => counter.setSync(2 ** 53), RangeError);
        assert.equal(counter.getSync(), Number.MIN_SAFE_INTEGER);
      }));

    it("reads numbers as people write them, and refuses and keeps all else", () =>
      inScratchFolder((folder) => {
        const path = join(folder, "count");
        for (
          const [written, number] of [
            ["7", 7],
            [" +7 \r\n\n", 7],
            ["007\n", 7],
            ["-7\n", -7],
            ["-0", 0],
            ["9\n\0\0", 9],
          ] as const
        ) {
          writeFileSync(path, written);
          using counter = new FileCounter(path, options);
          assert.equal(counter.getSync(), number);
          counter.addSync();
          assert.equal(counter.getSync(), number + 1, JSON.stringify(written));
        }
        using counter = new FileCounter(path, options);
        const wrong = [
          "",
          "\n",
          "x",
          "1 2",
          "1e3",
          "0x1",
          "1.0",
          "9007199254740993",
          "1".repeat(300),
        ];
        for (const written of [...wrong, `1${" ".repeat(300)}`]) {
          writeFileSync(path, written);
          assert.throws(() => new FileCounter(path, options), SyntaxError);
          for (
            const use of [
              () => counter.addSync(),
              () => counter.setSync(1),
              () => counter.getSync(),
            ]
          ) {
            assert.throws(
              use,
              (error) => error instanceof SyntaxError && error.message.includes(path),
            );
          }
          assert.equal(text(path), written);
        }
        writeFileSync(path, "5\n");
        counter.addSync();
        assert.equal(text(path), "6\n");
      }));

    it("refuses a path that is not a file", () =>
      inScratchFolder((folder) => {
        const path = join(folder, "count");
        writeFileSync(path, "5\n");
        symlinkSync(path, join(folder, "link"));
        assert.throws(() => new FileCounter(join(folder, "link"), options), { code: "ELOOP" });
        assert.throws(() => new FileCounter(folder, options), { code: "EISDIR" });
        assert.throws(() => new FileCounter(path, { durable: 1 as unknown as boolean }), TypeError);
        assert.equal(text(path), "5\n");
      }));

    it("only reads a file that may not be written to", () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "count");
        writeFileSync(path, "5\n");
        chmodSync(path, 0o444);
        using counter = new FileCounter(path, options);
        assert.equal(counter.getSync(), 5);
        const refused = {
          code: "EACCES",
          message: /Cannot count in ".*count": this user may only/,
        };
        assert.throws(() => counter.addSync(), refused);
        const [value, added] = await Promise.allSettled([counter.get(), counter.add()]);
        assert.equal(value.status === "fulfilled" && value.value, 5);
        assert.throws(() => {
          throw (added as PromiseRejectedResult).reason;
        }, refused);
        assert.equal(text(path), "5\n");
        assert.deepEqual(readdirSync(folder), ["count"]);
      }));

    it("is not used after it was closed", () =>
      inScratchFolder((folder) => {
        const counter = new FileCounter(join(folder, "count"), options);
        counter.close();
        counter[Symbol.dispose]();
        assert.throws(() => counter.addSync(), TypeError);
        assert.throws(() => counter.getSync(), TypeError);
      }));

    it("does not count while another lock of its thread holds the file", () =>
      inScratchFolder((folder) => {
        const path = join(folder, "count");
        using counter = new FileCounter(path, options);
        using lock = new FileLock(path);
        lock.lock();
        assert.throws(() => counter.addSync(), { name: "DeadlockError" });
        lock.unlock();
        counter.addSync();
        assert.equal(text(path), "1\n", "a lock on a counter writes nothing into it");
      }));

    it("is exact in processes of all runtimes", DEADLINE, () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "count");
        const runtimes = runtimesHere();
        const adds = "durable" in options ? 100 : 2000;
        const children = [0, 1, 2, 3].map((i) =>
          Child.in(runtimes[i % runtimes.length], ADDER, path, `${adds}`, JSON.stringify(options))
        );
        for (const child of children) assert.equal(await child.line(), "ready");
        for (const child of children) child.tell("go");
        for (const child of children) assert.equal((await child.ended).code, 0);
        using counter = new FileCounter(path, options);
        assert.equal(counter.getSync(), 4 * adds);
      }));
  });
}

describe("FileCounter", () => {
  it("continues in a file that an editor has put in place of the last one", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      using counter = new FileCounter(path);
      counter.addSync(5);
      writeFileSync(join(folder, "edited"), "100\n");
      renameSync(join(folder, "edited"), path);
      counter.addSync();
      assert.equal(text(path), "101\n");
      renameSync(path, join(folder, "backup~"));
      writeFileSync(path, "200\n");
      assert.equal(counter.getSync(), 200);
      counter.addSync();
      assert.equal(text(path), "201\n");
      assert.equal(text(join(folder, "backup~")), "101\n");
    }));

  it("writes once for each add, and syncs only if it is durable", () =>
    inScratchFolder((folder) => {
      const calls = { pwrite: 0, fdatasync: 0 };
      const path = join(folder, "count");
      using counter = new FileCounter(path);
      counter.addSync();
      using durable = new FileCounter(path, { durable: true });
      durable.addSync();
      const { pwrite, fdatasync } = libc;
      const define = (name: "pwrite" | "fdatasync", value: unknown) =>
        Object.defineProperty(libc, name, { value, configurable: true });
      define("pwrite", (...args: Parameters<typeof pwrite>) => {
        calls.pwrite++;
        return pwrite(...args);
      });
      define("fdatasync", (fd: number) => {
        calls.fdatasync++;
        return fdatasync(fd);
      });
      try {
        for (let i = 0; i < 10; i++) counter.addSync();
        assert.deepEqual(calls, { pwrite: 10, fdatasync: 0 });
        for (let i = 0; i < 10; i++) durable.addSync();
        assert.equal(calls.fdatasync, 10);
      } finally {
        define("pwrite", pwrite);
        define("fdatasync", fdatasync);
      }
      assert.equal(counter.getSync(), 22);
    }));

  it("writes a batch in one step", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      using counter = new FileCounter(path);
      {
        using batch = counter.batchSync(3);
        batch.add();
        batch.add(2);
        assert.deepEqual([text(path), batch.pending], ["0\n", 3]);
        batch.add();
        assert.deepEqual([text(path), batch.pending], ["4\n", 0]);
        batch.add(-1);
        assert.throws(() => batch.add(0.5), TypeError);
        assert.throws(() => batch.add(Number.MIN_SAFE_INTEGER), RangeError);
        writeFileSync(path, "damaged");
        assert.throws(() => batch.flush(), SyntaxError);
        assert.equal(batch.pending, -1, "a batch that could not be written is lost");
        writeFileSync(path, "4\n");
      }
      assert.equal(text(path), "3\n");
      for (const size of [0, 0.5, NaN]) assert.throws(() => counter.batchSync(size), RangeError);
    }));

  it("makes no file that it does not need", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      for (let i = 0; i < 3; i++) new FileCounter(path).close();
      assert.deepEqual(readdirSync(folder), ["count"]);
      assert.equal(existsSync(`${path}.commit`), false);
    }));
});
