import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { mapByte, unmapByte } from "../../../src/runtime/files/mapping.ts";
import { adapter, closeFile, openRegularFile, PAGE, reserve } from "../../../src/runtime/mod.ts";
import {
  linkToRobustList,
  unlinkFromRobustList,
} from "../../../src/runtime/threads/robust_list.ts";
import { Child } from "../../support/child.ts";
import { runtimesHere } from "../../support/runtimes_here.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const LIMIT = { timeout: 60_000 };
const PROCESS = new URL("../fixtures/robust_process.ts", import.meta.url);
/** As far apart as the words in the fixture. */
const BYTES = 64;
const MUTEXES = 2048;
const [NEXT, PREV] = [32, 24];
const OWNER_DIED = 0x40000000;

/** Runs `body` with words of a mapped file: their addresses, and the links behind them. */
function withWords(body: (at: (i: number) => number, links: BigUint64Array) => void) {
  return () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      const fd = openRegularFile(path);
      reserve(fd, path, PAGE);
      const start = mapByte(fd, 0)!;
      try {
        body((i) => start + i * BYTES, new BigUint64Array(adapter.bufferAt(start, PAGE)));
      } finally {
        closeFile(fd);
        unmapByte(start, 0);
      }
    });
}

describe("The robust list of a thread", () => {
  for (const order of ["012", "021", "102", "120", "201", "210"]) {
    it(
      `is a ring without the entries that were removed, in the order ${order}`,
      withWords((at, links) => {
        const nextOf = (i: number) => links[(i * BYTES + NEXT) / 8];
        const prevOf = (i: number) => links[(i * BYTES + PREV) / 8];
        const next = (i: number) => BigInt(at(i) + NEXT);
        for (const i of [0, 1, 2]) assert.equal(linkToRobustList(at(i)), true);
        // The newest is the first one.
        const [head, rest] = [prevOf(2), nextOf(0)];
        const linked = [2, 1, 0];
        for (const i of order) {
          const ring = [head, ...linked.map(next), rest];
          linked.forEach((one, k) => {
            assert.deepEqual([prevOf(one), nextOf(one)], [ring[k], ring[k + 2]]);
          });
          assert.equal(unlinkFromRobustList(at(Number(i))), true);
          linked.splice(linked.indexOf(Number(i)), 1);
        }
        // The list is what it was before.
        assert.equal(linkToRobustList(at(3)), true);
        assert.deepEqual([prevOf(3), nextOf(3)], [head, rest]);
        assert.equal(unlinkFromRobustList(at(3)), true);
      }),
    );
  }

  it(
    "keeps an entry whose links were damaged, and changes nothing",
    withWords((at, links) => {
      for (const i of [0, 1, 2]) assert.equal(linkToRobustList(at(i)), true);
      for (const [offset, wrong] of [[PREV, 0n], [PREV, 8n], [NEXT, 8n], [NEXT, BigInt(at(9))]]) {
        const damaged = (BYTES + Number(offset)) / 8;
        const right = links[damaged];
        links[damaged] = BigInt(wrong);
        const before = links.slice();
        assert.equal(unlinkFromRobustList(at(1)), false);
        assert.deepEqual(links, before);
        links[damaged] = right;
      }
      assert.equal(unlinkFromRobustList(at(5)), false, "it was never in the list");
      for (const i of [1, 0, 2]) assert.equal(unlinkFromRobustList(at(i)), true);
      assert.equal(unlinkFromRobustList(at(1)), false, "it was removed already");
    }),
  );

  it(
    "is not used unless it looks as that of glibc",
    withWords((at, links) => {
      const [SET, GET] = adapter.arch === "arm64" ? [99, 100] : [273, 274];
      const { syscall } = adapter.bind({
        syscall: { parameters: ["i64", "pointer", "pointer", "pointer"], result: "i32" },
      });
      // The links before and after the head, the offset, and what is pending.
      const list = new BigUint64Array(new SharedArrayBuffer(32));
      const head = adapter.addressOf(new Uint8Array(list.buffer)) + 8;
      const looksLike = (last: number, offset: number, pending = 0) => {
        list.set([last, head, offset, pending].map(BigInt));
        return linkToRobustList(at(0));
      };
      const own = new BigUint64Array(new SharedArrayBuffer(16));
      const ownAt = adapter.addressOf(new Uint8Array(own.buffer));
      assert.equal(syscall(GET, 0, ownAt, ownAt + 8), 0);
      assert.equal(syscall(SET, head, 24, 0), 0);
      try {
        assert.equal(looksLike(head, -28), false, "as that of musl");
        assert.equal(looksLike(head, -32, head), false, "an entry is pending");
        assert.equal(looksLike(head + 8, -32), false, "the last entry does not lead to the head");
        assert.equal(looksLike(8, -32), false, "the last entry is not mapped");
        assert.ok(links.every((word) => word === 0n), "an entry was written");
        assert.equal(looksLike(head, -32), true);
        assert.deepEqual([list[0], list[1]], [BigInt(at(0) + NEXT), BigInt(at(0) + NEXT)]);
        assert.equal(unlinkFromRobustList(at(0)), true);
        assert.deepEqual([list[0], list[1]], [BigInt(head), BigInt(head)]);
      } finally {
        assert.equal(syscall(SET, Number(own[0]), 24, 0), 0);
      }
    }),
  );

  for (const name of runtimesHere()) {
    it(
      `is walked when its process is killed, with mutexes of glibc: ${name}`,
      LIMIT,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "file");
          const fd = openRegularFile(path);
          reserve(fd, path, PAGE);
          closeFile(fd);
          const steps =
            "link 0 lock 0 link 1 lock 1 link 2 lock 2 unlink 0 unlock 0 link 3 lock 3 " +
            "unlock 2 unlink 3 link 4";
          const child = Child.in(name, PROCESS, path, ...steps.split(" "));
          assert.equal(await child.line(), "ready");
          child.kill();
          await child.ended;
          const words = new Int32Array(new Uint8Array(readFileSync(path)).buffer);
          const isMarked = (at: number) => (words[at / 4] & OWNER_DIED) !== 0;
          const all = [0, 1, 2, 3, 4];
          assert.deepEqual(all.filter((i) => isMarked(i * BYTES)), [1, 2, 4]);
          assert.deepEqual(all.filter((i) => isMarked(MUTEXES + i * BYTES)), [1, 3]);
        }),
    );
  }
});
