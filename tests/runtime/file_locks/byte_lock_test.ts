import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { lookAtByte, takeByte } from "../../../src/runtime/file_locks/byte_lock.ts";
import { adapter, closeFile, libc, openFile, openRegularFile } from "../../../src/runtime/mod.ts";
import { Child, RUN } from "../../support/child.ts";
import { cannotRunUnder, IN_OTHER_PIDS } from "../../support/mounted.ts";
import { Program } from "../../support/program.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

const LIMIT = { timeout: 60_000 };
const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url);
const HOLDER = fixture("byte_lock_process.ts");
const HERE = [process.execPath, ...RUN[adapter.name], fileURLToPath(HOLDER)];
/** Far beyond the end of a file, and beyond 32 bits. */
const AT = 2 ** 45 + 2 ** 31 + 1;
const PAGE = 65536;

const [PROT_READ_WRITE, MAP_SHARED, MAP_FIXED_ANONYMOUS] = [3, 1, 0x32];

/** Maps two pages of an open file, which nothing else uses. */
function map(fd: number): number {
  const address = libc.mmap(0, 2 * PAGE, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  assert.notEqual(address, -1);
  return address;
}

/** Maps other pages over some of `map`. */
function mapOver(address: number, bytes: number): void {
  // SAFETY: no view of these pages exists, and the test mapped them.
  libc.mmap(address, bytes, PROT_READ_WRITE, MAP_FIXED_ANONYMOUS, -1, 0);
}

/** Runs `body` with a file and a descriptor by which to look at its bytes. */
function withFile(body: (path: string, look: number) => void | Promise<void>): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "file");
    closeFile(openRegularFile(path));
    const look = openFile(path, 0);
    try {
      await body(path, look);
    } finally {
      closeFile(look);
    }
  });
}

const untilFree = (look: number) => until("a free byte", () => lookAtByte(look, AT) === "free");

describe("The lock on a byte of an open file", () => {
  it("is seen and refused by other open files, and leaves its neighbours free", () =>
    withFile((path, look) => {
      for (const at of [0, 2 ** 31, AT, Number.MAX_SAFE_INTEGER]) {
        const [first, second] = [openRegularFile(path), openRegularFile(path)];
        assert.equal(lookAtByte(second, at), "free");
        assert.equal(takeByte(first, at), "taken");
        assert.equal(lookAtByte(first, at), "free"); // Its own lock is not another's.
        assert.equal(lookAtByte(second, at), "held");
        assert.equal(lookAtByte(look, at), "held");
        assert.equal(takeByte(second, at), "held");
        assert.equal(lookAtByte(look, at - 1), at === 0 ? undefined : "free");
        if (at < Number.MAX_SAFE_INTEGER) assert.equal(takeByte(second, at + 1), "taken");
        closeFile(first);
        assert.equal(lookAtByte(look, at), "free");
        closeFile(second);
      }
    }));

  it("is undefined if the system cannot lock or look", () =>
    withFile((_, look) => {
      assert.equal(takeByte(look, AT), undefined); // It is open for reading only.
      assert.equal(lookAtByte(-1, AT), undefined);
      assert.equal(lookAtByte(look, -1), undefined);
    }));

  it("does not depend on locks of the process and of the whole file", () =>
    withFile((path, look) => {
      const fd = openRegularFile(path);
      assert.equal(libc.flock(fd, 2), 0);
      assert.equal(lookAtByte(look, AT), "free");
      assert.equal(takeByte(fd, AT), "taken");
      // Closing any descriptor of a file ends the fcntl(2) locks that belong to the process.
      closeFile(openRegularFile(path));
      assert.equal(lookAtByte(look, AT), "held");
      closeFile(fd);
    }));
});

describe("The lock on a byte of a mapped file", () => {
  const end: Record<string, (address: number) => void> = {
    "other pages are mapped over all of it": (address) => mapOver(address, 2 * PAGE),
    "it is unmapped": (address) => {
      const signature = { parameters: ["pointer", "i64"], result: "i32" } as const;
      assert.equal(adapter.bind({ munmap: signature }).munmap(address, 2 * PAGE), 0);
    },
  };
  for (const [how, finish] of Object.entries(end)) {
    it(`is kept after the close of the descriptor, until ${how}`, () =>
      withFile((path, look) => {
        const fd = openRegularFile(path);
        assert.equal(takeByte(fd, AT), "taken");
        const address = map(fd);
        closeFile(fd);
        assert.equal(lookAtByte(look, AT), "held");
        // One read of the list may lack a lock, if others end meanwhile.
        const lists = Array.from({ length: 20 }, () => readFileSync("/proc/locks", "utf8"));
        assert.ok(lists.some((list) => list.includes(` ${AT} ${AT}`)));
        mapOver(address, PAGE);
        assert.equal(lookAtByte(look, AT), "held");
        finish(address);
        assert.equal(lookAtByte(look, AT), "free");
      }));
  }

  it("is kept by a second mapping of the same open file", () =>
    withFile((path, look) => {
      const fd = openRegularFile(path);
      assert.equal(takeByte(fd, AT), "taken");
      const [first, second] = [map(fd), map(fd)];
      closeFile(fd);
      mapOver(first, 2 * PAGE);
      assert.equal(lookAtByte(look, AT), "held");
      mapOver(second, 2 * PAGE);
      assert.equal(lookAtByte(look, AT), "free");
    }));

  it("ends with its process, by SIGKILL and exec", LIMIT, () =>
    withFile(async (path, look) => {
      {
        await using killed = Child.here(HOLDER, path, String(AT));
        assert.equal(await killed.line(), "taken");
        assert.equal(lookAtByte(look, AT), "held");
        assert.equal(takeByte(look, AT), undefined);
      }
      assert.equal(lookAtByte(look, AT), "free");

      await using other = Child.here(HOLDER, path, String(AT));
      assert.equal(await other.line(), "taken");
      assert.equal(lookAtByte(look, AT), "held");
      other.tell("become another program");
      await untilFree(look);
      other.tell("still alive");
      assert.equal(await other.line(), "still alive");
    }));

  const noPython = spawnSync("python3", ["--version"]).status !== 0 &&
    "python3 is MISSING: this was NOT TESTED";
  it(
    "is kept by a fork of its process",
    { ...LIMIT, skip: noPython },
    () =>
      withFile(async (path, look) => {
        const script = fileURLToPath(fixture("byte_lock_fork.py"));
        await using program = new Program(["python3", script, path, String(AT)]);
        const [parent, child] = (await program.line()).split(" ").map(Number);
        process.kill(parent, "SIGKILL");
        await until("the end", () => program.process.signalCode !== null);
        assert.equal(lookAtByte(look, AT), "held");
        process.kill(child, "SIGKILL");
        await untilFree(look);
      }),
  );

  it(
    "is seen from another PID namespace",
    { ...LIMIT, skip: cannotRunUnder(IN_OTHER_PIDS) },
    () =>
      withFile(async (path, look) => {
        await using program = new Program([...IN_OTHER_PIDS, ...HERE, path, String(AT)]);
        assert.equal(await program.line(), "taken");
        assert.equal(lookAtByte(look, AT), "held");
        program.kill("SIGKILL");
        await untilFree(look);
      }),
  );
});
