import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DeadlockError, JsonFile } from "../../../mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

/** Ends a wait that nothing else ends. */
const DEADLINE = { timeout: 60_000 };

interface Jobs {
  done: number;
}
const more = ({ done }: Jobs): Jobs => ({ done: done + 1 });

/** Gives `body` two objects of one document, and one of another. */
function withFiles(
  body: (file: JsonFile<Jobs>, twin: JsonFile<Jobs>, other: JsonFile<Jobs>) => Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const open = (name: string) =>
      new JsonFile<Jobs>(join(folder, name), { initial: { done: 0 }, durable: false });
    using file = open("a.json");
    using twin = open("a.json");
    using other = open("b.json");
    await body(file, twin, other);
  });
}

describe("An update inside a change", () => {
  for (const which of ["the same object", "another object"]) {
    it(
      `of the same document by ${which} is a DeadlockError`,
      DEADLINE,
      () =>
        withFiles(async (file, twin) => {
          const inner = which === "the same object" ? file : twin;
          const ways = [
            () => inner.update(more),
            () => inner.update(more, {}),
            () => inner.update(more, { timeout: Infinity }),
            () => Promise.resolve(inner.updateSync(more)),
            async () => {
              await new Promise((resolve) => setTimeout(resolve, 1));
              return await inner.update(more);
            },
          ];
          for (const way of ways) {
            await assert.rejects(file.update(async () => await way()), DeadlockError);
          }
          assert.deepEqual(file.readSync(), { done: 0 });
          assert.deepEqual(await inner.update(more), { done: 1 }, "the lock was kept");
        }),
    );
  }

  it(
    "through a change of another document is a DeadlockError",
    DEADLINE,
    () =>
      withFiles(async (file, twin, other) => {
        const outer = file.update(async (document) => {
          await other.update(async (document) => {
            await twin.update(more);
            return document;
          });
          return document;
        });
        await assert.rejects(outer, DeadlockError);
        assert.deepEqual([await file.update(more), await other.update(more)], [
          { done: 1 },
          { done: 1 },
        ]);
      }),
  );

  it("of another document is made", DEADLINE, () =>
    withFiles(async (file, _, other) => {
      const changed = await file.update(async (document) => {
        await other.update(more);
        return more(document);
      });
      assert.deepEqual([changed, other.readSync()], [{ done: 1 }, { done: 1 }]);
    }));

  it(
    "may wait if it has a timeout or a signal",
    DEADLINE,
    () =>
      withFiles(async (file) => {
        await file.update(async (document) => {
          await assert.rejects(file.update(more, { timeout: 10 }), { name: "TimeoutError" });
          const signal = AbortSignal.timeout(10);
          await assert.rejects(file.update(more, { signal }), { name: "TimeoutError" });
          return document;
        });
        // Since the outer update does not wait for it, it is made afterwards.
        let inner: Promise<Jobs> | undefined;
        await file.update((document) => {
          inner = file.update(more, { timeout: 10_000 });
          return more(document);
        });
        assert.deepEqual(await inner, { done: 2 });
      }),
  );

  it("may be made after the change has ended", DEADLINE, () =>
    withFiles(async (file) => {
      let later: Promise<Jobs> | undefined;
      const begin = Promise.withResolvers<void>();
      await file.update((document) => {
        later = begin.promise.then(() => file.update(more));
        return more(document);
      });
      begin.resolve();
      assert.deepEqual(await later, { done: 2 });
    }));

  it("that a synchronous one starts is made after that", DEADLINE, () =>
    withFiles(async (file) => {
      let inner: Promise<Jobs> | undefined;
      file.updateSync((document) => {
        inner = file.update(more);
        return more(document);
      });
      assert.deepEqual(await inner, { done: 2 });
    }));

  it(
    "is told from an update at the same time",
    DEADLINE,
    () =>
      withFiles(async (file, twin, other) => {
        const slow = async (document: Jobs) => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          return more(document);
        };
        const start = () => Promise.all([file, twin, file, twin].map((one) => one.update(slow)));
        await start();
        await other.update(async (document) => {
          await start();
          return document;
        });
        assert.deepEqual(file.readSync(), { done: 8 });
      }),
  );
});

describe("A document that is closed", () => {
  it(
    "is not written by an update that goes on without the lock",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "a.json");
        const begun = Promise.withResolvers<void>();
        const go = Promise.withResolvers<void>();
        const file = new JsonFile<Jobs>(path, { initial: { done: 0 } });
        const pending = file.update(async (document) => {
          begun.resolve();
          await go.promise;
          return more(document);
        });
        await begun.promise;
        file.close();
        go.resolve();
        await assert.rejects(pending);
        assert.equal(existsSync(path), false);
      }),
  );
});
