import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { HEADER, SLOT, SLOTS } from "../../../src/memory/layout.ts";
import { regionOf } from "../../../src/memory/memory.ts";
import { Segment } from "../../../src/memory/mod.ts";
import { Child } from "../../support/child.ts";
import { cannotRunUnder, IN_OTHER_PIDS } from "../../support/mounted.ts";
import { Program } from "../../support/program.ts";
import { runtimesHere } from "../../support/runtimes_here.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { stateOf } from "../../support/thread_state.ts";
import { until } from "../../support/until.ts";

const LIMIT = { timeout: 60_000 };
const COUNTING = new URL("../fixtures/counting_process.ts", import.meta.url);
const HOLDING = new URL("../fixtures/holding_process.ts", import.meta.url);
const SOURCE = fileURLToPath(new URL("../fixtures/interlock.c", import.meta.url));
const NAME = "shared";

const built = mkdtempSync(join(tmpdir(), "interlock-test-"));
after(() => rmSync(built, { recursive: true, force: true }));
const missing = spawnSync("cc", ["--version"]).status !== 0 && "cc is MISSING: this was NOT TESTED";
if (!missing) {
  const flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"];
  execFileSync("cc", [...flags, "-o", join(built, "program"), SOURCE]);
}

/** The program in C, which uses a segment. */
class CProgram {
  readonly #program: Program;

  constructor(path: string, under: readonly string[] = []) {
    this.#program = new Program([...under, join(built, "program"), path]);
  }

  static async of(path: string, under?: readonly string[]): Promise<CProgram> {
    const program = new CProgram(path, under);
    assert.equal(await program.line(), "open ENOENT"); // There is no mutex of the name "none".
    return program;
  }

  get pid(): number {
    return this.#program.pid;
  }

  line(): Promise<string> {
    return this.#program.line();
  }

  tell(command: string): void {
    this.#program.tell(command);
  }

  async do(command: string): Promise<string> {
    this.tell(command);
    return await this.line();
  }

  /** Kills it, and not what it started. */
  kill(): void {
    this.#program.kill("SIGKILL");
  }

  /** Lets it end, and returns its status. */
  async end(): Promise<number | null> {
    this.#program.close();
    return (await this.#program.ended).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

interface Shared {
  readonly folder: string;
  readonly path: string;
  readonly segment: Segment;
}

/** Runs `body` with a segment that has what the program in C uses. */
function withSegment(body: (shared: Shared) => Promise<void>): () => Promise<void> {
  return () =>
    inScratchFolder(async (folder) => {
      using segment = Segment.open(NAME, { directory: folder });
      segment.mutex("lock");
      segment.counter("adds");
      segment.rawValue("count");
      await body({ folder, path: join(folder, NAME), segment });
    });
}

describe("A mutex that a program in C shares", { skip: missing }, () => {
  it(
    "counts exactly, with all runtimes",
    LIMIT,
    withSegment(async ({ folder, path, segment }) => {
      const times = 5000;
      const all = runtimesHere();
      await using first = await CProgram.of(path);
      await using second = await CProgram.of(path);
      const others = all.map((name) => Child.in(name, COUNTING, NAME, folder, String(times)));
      for (const other of others) assert.equal(await other.line(), "ready");
      for (const other of others) other.tell("count");
      const ends = [first.do(`count ${times}`), second.do(`count ${times}`)];
      for (const other of others) {
        const { code, stderr } = await other.ended;
        assert.equal(code, 0, stderr);
      }
      assert.deepEqual(await Promise.all(ends), ["0", "0"]);
      assert.equal(segment.rawValue("count").value, times * (all.length + 2));
      assert.equal(segment.counter("adds").value, times * (all.length + 2));
    }),
  );

  it(
    "is waited for by threads and tasks, which its release wakes",
    LIMIT,
    withSegment(async ({ path, segment }) => {
      const mutex = segment.mutex("lock");
      await using program = await CProgram.of(path);
      assert.equal(await program.do("lock 0"), "0");
      assert.deepEqual(mutex.owner()?.pid, program.pid);
      assert.equal(mutex.tryAcquire(), undefined);
      const waited = mutex.acquire();
      assert.equal(await program.do("unlock"), "0");
      (await waited).release();

      assert.equal(await program.do("lock 0"), "0");
      assert.equal(await program.do("lock 0"), "EDEADLK");
      assert.throws(() => mutex.acquireSync({ timeout: 20 }), { name: "TimeoutError" });
      assert.equal(await program.do("unlock"), "0");
      assert.equal(await program.do("unlock"), "EPERM");
      using _guard = mutex.acquireSync();
      assert.equal(await program.do("lock 0"), "ETIMEDOUT");
      assert.equal(await program.do("lock 20"), "ETIMEDOUT");
      program.tell("lock -1");
      await until("a sleeper", () => segment.mutex("lock").owner() && isMarked(path));
      _guard.release();
      assert.equal(await program.line(), "0");
      assert.equal(await program.do("unlock"), "0");
      assert.equal(await program.end(), 0);
    }),
  );

  it(
    "is recovered if that program is killed",
    LIMIT,
    withSegment(async ({ path, segment }) => {
      const mutex = segment.mutex("lock");
      for (const way of ["try", "sync", "task"]) {
        await using program = await CProgram.of(path);
        assert.equal(await program.do("lock -1"), "0");
        const token = Number(await program.do("token"));
        const before = way === "task" ? mutex.acquire() : undefined;
        await program[Symbol.asyncDispose]();
        using guard = before === undefined
          ? way === "try" ? mutex.tryAcquire()! : mutex.acquireSync()
          : await before;
        assert.equal(guard.recovered, true, way);
        assert.equal(guard.token, token + 1);
        assert.deepEqual(guard.previousOwner?.pid, program.pid);
      }
    }),
  );

  it(
    "is recovered by that program if another process is killed",
    LIMIT,
    withSegment(async ({ folder, path, segment }) => {
      await using program = await CProgram.of(path);
      for (const timeout of [0, -1]) {
        await using holder = await holding(folder);
        program.tell("lock 20");
        assert.equal(await program.line(), "ETIMEDOUT");
        if (timeout !== 0) program.tell(`lock ${timeout}`);
        holder.kill();
        await holder.ended;
        if (timeout === 0) program.tell(`lock ${timeout}`);
        assert.equal(await program.line(), "EOWNERDEAD");
        assert.equal(await program.do("unlock"), "0");
      }
      // It has not said that all is in order.
      assert.equal(await program.do("lock 0"), "EOWNERDEAD");
      assert.equal(await program.do("consistent"), "0");
      assert.equal(await program.do("unlock"), "0");
      assert.equal(await program.do("lock 0"), "0");
      assert.equal(await program.do("unlock"), "0");
      using guard = segment.mutex("lock").acquireSync();
      assert.equal(guard.recovered, false);
    }),
  );
});

const noNamespace = missing || cannotRunUnder(IN_OTHER_PIDS);
describe("A program in C in another PID namespace", { skip: noNamespace }, () => {
  it(
    "is recovered here, and recovers what was held here",
    LIMIT,
    withSegment(async ({ folder, path, segment }) => {
      const mutex = segment.mutex("lock");
      await using there = await CProgram.of(path, IN_OTHER_PIDS);
      {
        await using here = await CProgram.of(path);
        assert.equal(await here.do("lock 0"), "0");
        assert.equal(await there.do("lock 20"), "ETIMEDOUT");
        there.tell("lock -1");
        here.kill();
        assert.equal(await there.line(), "EOWNERDEAD");
        assert.equal(await there.do("consistent"), "0");
        assert.equal(await there.do("unlock"), "0");
      }
      {
        await using here = await holding(folder);
        assert.equal(await there.do("lock 20"), "ETIMEDOUT");
        here.kill();
        assert.equal(await there.do("lock -1"), "EOWNERDEAD");
      }
      assert.equal(mutex.tryAcquire(), undefined);
      there.kill(); // And so all of its namespace.
      assert.equal(mutex.acquireSync({ timeout: 20_000 }).release(), undefined);
    }),
  );

  for (const hasLifeWord of [true, false]) {
    const title = hasLifeWord
      ? "recovers from a dead owner whose fork lives"
      : "waits for the last fork of a dead owner that has no life word";
    it(
      title,
      LIMIT,
      withSegment(async ({ path, segment }) => {
        await using there = await CProgram.of(path, IN_OTHER_PIDS);
        await using here = await CProgram.of(path);
        assert.equal(await here.do("lock 0"), "0");
        const fork = Number(await here.do("fork"));
        if (!hasLifeWord) {
          const { atomics, base } = regionOf(segment.memory);
          const owner = atomics.load32(base + HEADER.end + 128) & SLOTS;
          atomics.store32(base + HEADER.firstSlot + (owner - 1) * SLOT.bytes + SLOT.life, 0);
        }
        here.kill();
        await until("the end", () => stateOf(here.pid) === undefined);
        try {
          if (hasLifeWord) assert.equal(await there.do("lock -1"), "EOWNERDEAD");
          else assert.equal(await there.do("lock 100"), "ETIMEDOUT");
        } finally {
          process.kill(fork, "SIGKILL");
        }
        if (!hasLifeWord) assert.equal(await there.do("lock -1"), "EOWNERDEAD");
      }),
    );
  }
});

describe("A program in C", { skip: missing }, () => {
  it(
    "is marked by the kernel when it ends, unless it has closed the segment",
    LIMIT,
    withSegment(async ({ path }) => {
      const died = 0xc0000000;
      for (const end of ["killed", "closed", "spent"]) {
        const before = lifeWordsIn(path);
        await using program = await CProgram.of(path);
        assert.deepEqual(lifeWordsIn(path).length, before.length + 1);
        assert.ok(lifeWordsIn(path).includes(0x80000000 + program.pid));
        if (end === "spent") {
          assert.equal(await program.do("spend 20"), "0");
          assert.equal(lifeWordsIn(path).filter((word) => word === died).length, 21);
        }
        if (end === "killed") program.kill();
        else assert.equal(await program.end(), 0);
        await until("the end", () => stateOf(program.pid) === undefined);
        const after = lifeWordsIn(path);
        assert.equal(after.includes(0x80000000 + program.pid), false);
        assert.equal(after.includes(died), end !== "closed" || before.includes(died));
      }
    }),
  );

  it(
    "keeps its slot if that is marked, as after a restored checkpoint: it is still in the list",
    LIMIT,
    withSegment(async ({ path, segment }) => {
      await using program = await CProgram.of(path);
      const { atomics, base } = regionOf(segment.memory);
      const at = Array.from({ length: SLOTS }, (_, i) => base + HEADER.firstSlot + i * SLOT.bytes)
        .find((at) => atomics.load32(at + SLOT.process) === program.pid)!;
      atomics.store32(at + SLOT.life, 0xc0000000);
      assert.equal(await program.end(), 0);
      assert.notEqual(atomics.load32(at + SLOT.claim), 0);
    }),
  );

  it(
    "frees the slots of dead threads, as others do its own",
    LIMIT,
    withSegment(async ({ path, folder }) => {
      await using program = await CProgram.of(path);
      assert.equal(await program.do("lock 0"), "0");
      for (let i = 0; i < 3; i++) assert.equal(await program.do("spend 500"), "0");
      for (let i = 0; i < 3; i++) {
        using other = Segment.open(NAME, { directory: folder });
        assert.equal(other.mutex("lock").tryAcquire(), undefined);
      }
      assert.equal(await program.do("unlock"), "0");
    }),
  );

  it(
    "finds what was made after the segment has grown, and not what was removed",
    LIMIT,
    withSegment(async ({ folder, path, segment }) => {
      await using program = await CProgram.of(path);
      assert.equal(await program.do("lock 0"), "0");
      assert.equal(await program.do("find 1"), "ENOENT");
      using larger = Segment.open(NAME, { directory: folder, size: 2 ** 20 });
      larger.rawArray("all", larger.free / 8 - 128, "Float64");
      const late = larger.counter("late");
      assert.equal(await program.do("find 5"), "0");
      assert.equal(late.value, 5);
      assert.equal(segment.mutex("lock").tryAcquire(), undefined);
      assert.equal(await program.do("unlock"), "0");
      assert.equal(larger.removeName("late"), true);
      assert.equal(await program.do("find 1"), "ENOENT");
      larger.mutex("late");
      assert.equal(await program.do("find 1"), "EINVAL");
      assert.equal(await program.end(), 0);
    }),
  );

  it(
    "refuses what is no segment, and one that others may use",
    LIMIT,
    withSegment(async ({ folder, path }) => {
      const good = readFileSync(path);
      const refuse = async (expected: string, bytes: Uint8Array, mode = 0o600) => {
        const other = join(folder, "other");
        writeFileSync(other, bytes);
        chmodSync(other, mode);
        await using program = new CProgram(other);
        assert.equal(await program.line(), expected);
        assert.equal(await program.end(), 1);
      };
      const changed = (at: number, byte: number) => {
        const bytes = Uint8Array.from(good);
        bytes[at] = byte;
        return bytes;
      };
      await refuse("EPERM", good, 0o644);
      await refuse("EPROTO", good.subarray(0, HEADER.end - 1));
      await refuse("EPROTO", good.subarray(0, good.length - 1));
      await refuse("EPROTO", changed(0, 0));
      await refuse("EPROTO", changed(HEADER.version, 1));
      await refuse("EPROTO", changed(HEADER.checksum, good[HEADER.checksum] ^ 1));
      await refuse("EPROTO", changed(HEADER.units, 255));
      await refuse("EPROTO", changed(HEADER.units, 0));
    }),
  );
});

/** Whether a lock word has the bit of sleeping threads. */
function isMarked(path: string): boolean {
  const bytes = readFileSync(path);
  // The mutex was the first thing that the segment was asked for.
  return (bytes.readInt32LE(HEADER.end + 128) & 0x80000000) !== 0;
}

/** The life words in the slots that are claimed. */
function lifeWordsIn(path: string): number[] {
  const file = readFileSync(path);
  return Array.from({ length: SLOTS }, (_, i) => HEADER.firstSlot + i * SLOT.bytes)
    .filter((at) => file.readUInt32LE(at + SLOT.claim) !== 0)
    .map((at) => file.readUInt32LE(at + SLOT.life));
}

/** A process that holds the mutex. */
async function holding(folder: string): Promise<Child> {
  const child = Child.here(HOLDING, NAME, folder);
  assert.match(await child.line(), /^held/);
  return child;
}
