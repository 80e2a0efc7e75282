import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileLock, Segment } from "../../mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { RedisCounter, RedisLock, RedisSemaphore } from "../../src/redis/mod.ts";
import { partOf } from "../../src/redis/client/names.ts";
import type { RedisView } from "../../cli/inspect_table.ts";
import { inspectSegment } from "../../src/memory/inspection.ts";
import { folderOfSegments } from "../../src/memory/segment_home.ts";
import { Child } from "../support/child.ts";
import { Program } from "../support/program.ts";
import { RedisServer, skip } from "../support/redis_server.ts";
import { cannotRunUnder, mounting } from "../support/mounted.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { COMMAND, Interlock, interlock, until } from "./interlock.ts";
import { startServers } from "../redis/suite.ts";

const DEADLINE = { timeout: 120_000 };
const HOLDER = new URL("../memory/fixtures/holding_process.ts", import.meta.url);

describe("interlock inspect --redis", { skip }, () => {
  const suite = startServers();

  const look = async (...args: string[]): Promise<RedisView> => {
    const { status, stdout, stderr } = await interlock([
      "inspect",
      "--redis",
      suite.server.url,
      "--json",
      ...args,
    ]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  };
  const waitsAt = (name: string, part: string) =>
    until("a waiter", async () => await suite.redis.send("ZCARD", partOf(name, part)) === 1);

  it("shows locks and semaphores, their holders and waiters", DEADLINE, async () => {
    await using nightly = new RedisLock(suite.redis, "nightly {1}", { label: "backup" });
    await using next = new RedisLock(suite.redis, "nightly {1}");
    await using catalogue = new RedisLock(suite.redis, "catalogue", { shared: true });
    await using dead = new RedisLock(suite.redis, "dead", { leaseTime: 60_000, label: "gone" });
    await using idle = new RedisLock(suite.redis, "idle");
    await using downloads = new RedisSemaphore(suite.redis, "downloads", 4);
    const guard = await nightly.acquire();
    const waiting = next.acquire();
    await catalogue.acquire();
    await catalogue.acquire();
    await (await idle.acquire()).release();
    await dead.acquire();
    await suite.redis.send("DEL", partOf("dead", "lock")); // As if its lease had ended.
    const permits = await downloads.acquire({ permits: 3 });
    const wanting = downloads.acquire({ permits: 2 });
    await Promise.all([
      waitsAt("nightly {1}", "queue"),
      waitsAt("downloads", "semaphore-queue"),
    ]);

    const { locks, semaphores, counters, idle: left } = await look();
    assert.deepEqual(locks.map(({ name, state }) => [name, state]), [
      ["catalogue", "shared"],
      ["dead", "free"],
      ["nightly {1}", "held"],
    ]);
    assert.equal(left, 1);
    const [shared, abandoned, held] = locks;
    assert.equal(shared.holders.length, 2);
    assert.equal(abandoned.abandonedBy?.label, "gone");
    assert.equal(held.holders[0].owner?.pid, process.pid);
    assert.equal(held.holders[0].owner?.label, "backup");
    assert.ok(held.holders[0].leaseLeft > 0 && held.holders[0].leaseLeft <= 10_000);
    assert.equal(held.token, guard.token);
    assert.equal(held.waiters.length, 1);
    const [pool] = semaphores;
    assert.equal(pool.permits, 4);
    assert.deepEqual(pool.holders.map(({ permits }) => permits), [3]);
    assert.deepEqual(pool.waiters.map(({ permits }) => permits), [2]);
    assert.equal(pool.token, permits.token);
    assert.deepEqual(counters, []);

    assert.deepEqual((await look("--all")).locks.map(({ name }) => name), [
      "catalogue",
      "dead",
      "idle",
      "nightly {1}",
    ]);
    assert.deepEqual((await look("--match", "cat*")).locks.map(({ name }) => name), ["catalogue"]);

    const { status, stdout } = await interlock(["inspect", "--redis", suite.server.url]);
    assert.equal(status, 0);
    assert.match(stdout, /nightly \{1\} +│ held +│ process \d+, .*"backup"/);
    assert.match(stdout, /catalogue +│ shared by 2/);
    assert.match(stdout, /dead +│ free, not released +│ last: process \d+/);
    assert.match(stdout, /downloads +│ 3 of 4 +│ .*3 permits/);
    assert.match(stdout, /1 not in use \(--all shows it\)/);

    await guard.release();
    await (await waiting).release();
    await permits.release();
    await (await wanting).release();
  });

  it(
    "shows the counters of a pattern, among many keys, without KEYS",
    DEADLINE,
    async () => {
      await using visits = new RedisCounter(suite.redis, "visits:a");
      await visits.add(41);
      await suite.redis.send("SET", "visits:b", "7", "PX", "60000");
      await suite.redis.send("SET", "visits:text", "no number");
      await suite.redis.send("LPUSH", "visits:list", "1");
      const pairs = Array.from({ length: 3000 }, (_, i) => [`other:${i}`, "1"]).flat();
      await suite.redis.send("MSET", ...pairs);
      const { counters } = await look("--counters", "visits:*");
      assert.deepEqual(counters.map(({ key, value }) => [key, value]), [
        ["visits:a", 41],
        ["visits:b", 7],
      ]);
      assert.ok(counters[1].expiresIn! > 0);
      const many = await look("--counters", "other:*");
      assert.equal(many.counters.length, 3000);
      assert.doesNotMatch(String(await suite.redis.send("INFO", "commandstats")), /cmdstat_keys:/);
    },
  );

  it("reports a key with other contents, and shows the rest", DEADLINE, async () => {
    await suite.redis.send("SET", partOf("odd", "queue"), "text");
    await using fine = new RedisLock(suite.redis, "fine");
    await using _guard = await fine.acquire();
    const { locks, foreign } = await look();
    assert.deepEqual(locks.map(({ name }) => name).filter((name) => name === "fine"), ["fine"]);
    assert.deepEqual(foreign.map(({ key }) => key), ["odd"]);
    await suite.redis.send("DEL", partOf("odd", "queue"));
  });

  it("escapes what a terminal would act on, and rounds nothing", DEADLINE, async () => {
    await suite.redis.send("FLUSHALL");
    const odd = "a\x1b[31m\x9b2J\u202e\nb";
    const big = ["9007199254740993", "9223372036854775807", "-9223372036854775808"];
    await using lock = new RedisLock(suite.redis, odd, { label: odd });
    await using semaphore = new RedisSemaphore(suite.redis, odd, 2, { label: odd });
    const held = [await lock.acquire(), await semaphore.acquire()];
    // Another program writes what it likes.
    await suite.redis.send("SET", partOf("liar", "lock"), 'x {"pid":1,"runtime":5,"since":7}');
    await suite.redis.send("HSET", partOf("liar", "token"), "token", big[0]);
    await suite.redis.send("ZADD", partOf("liar", "queue"), "1e300", "w:x:1");
    await suite.redis.send("ZADD", partOf("liar", "seen"), "1e300", "w:x:1");
    await suite.redis.send("SET", partOf(`foreign ${odd}`, "queue"), "text");
    await suite.redis.send("MSET", ...big.flatMap((value, i) => [`n:${i}${odd}`, value]));
    const args = ["inspect", "--redis", suite.server.url, "--counters", "n:*"];
    const table = await interlock(args);
    const json = await interlock([...args, "--json"]);
    for (const { status, stdout, stderr } of [table, json]) {
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(stdout, /[^\P{C}\n]/u);
    }
    for (const text of ["a\\u{1b}[31m\\u{9b}2J\\u{202e}\\u{a}b", "9,007,199,254,740,993"]) {
      assert.ok(table.stdout.includes(text), table.stdout);
    }
    assert.match(table.stdout, /-9,223,372,036,854,775,808/);
    assert.match(table.stdout, /liar +│ held +│ process 1[^│]*│[^│]*│ 9007199254740993 +│ 1 +│/);
    const found = JSON.parse(json.stdout) as RedisView;
    assert.deepEqual(found.counters.map(({ value }) => value), big);
    assert.deepEqual(found.locks.map(({ name }) => name), [odd, "liar"]);
    assert.equal(found.locks[0].holders[0].owner?.label, odd);
    assert.equal(found.locks[1].token, big[0]);
    assert.deepEqual(found.semaphores.map(({ name }) => name), [odd]);
    await Promise.all(held.map((guard) => guard.release()));
    await suite.redis.send("FLUSHALL");
  });

  it("says that there is nothing", DEADLINE, async () => {
    await suite.redis.send("FLUSHALL");
    const { stdout } = await interlock([
      "inspect",
      "--redis",
      suite.server.url,
      "--counters",
      "a*",
    ]);
    assert.equal(
      stdout,
      "No lock or semaphore is in use\nNo counter matches a*\n",
    );
  });

  it("says why it cannot inspect a server, without the password", DEADLINE, async () => {
    await using locked = await RedisServer.start({ password: "right" });
    for (
      const [url, why] of [
        [`redis://user:secret@127.0.0.1:1`, /Cannot inspect the locks of 127\.0\.0\.1:1: /],
        [`redis://:wrong@127.0.0.1:${locked.port}`, /WRONGPASS/],
        [`http://secret@127.0.0.1`, /redis:\/\//],
      ] as const
    ) {
      const { status, stdout, stderr } = await interlock(["inspect", "--redis", url]);
      assert.equal(status, 1);
      assert.equal(stdout, "");
      assert.match(stderr, why);
      assert.doesNotMatch(stderr, /secret|wrong/);
    }
  });

  it("needs a server for the options of servers", DEADLINE, async () => {
    const { status, stderr } = await interlock(["inspect", "--counters", "a*"]);
    assert.equal(status, 2);
    assert.match(stderr, /--all need --redis/);
  });
});

describe("interlock inspect", () => {
  it("shows the segments of this user and their contents", DEADLINE, async () => {
    const name = `inspected-${process.pid}-${Date.now()}`;
    using segment = Segment.open(name);
    try {
      const mutex = segment.mutex("jobs");
      segment.counter("done");
      using _guard = mutex.acquireSync();
      const { status, stdout, stderr } = await interlock(["inspect", "--json"]);
      assert.equal(status, 0, stderr);
      const { segments } = JSON.parse(stdout) as {
        segments: {
          name: string;
          cells: { name: string; kind: string; holders?: { owner: { pid: number } }[] }[];
        }[];
      };
      const found = segments.find((segment) => segment.name === name);
      assert.ok(found, `not in ${folderOfSegments(undefined)}`);
      const jobs = found.cells.find(({ name }) => name === "jobs");
      assert.equal(jobs?.kind, "mutex");
      assert.equal(jobs.holders![0].owner.pid, process.pid);
      assert.ok(found.cells.some(({ name, kind }) => name === "done" && kind === "counter"));
      await inScratchFolder(async (directory) => {
        chmodSync(directory, 0o700);
        using shared = Segment.open("elsewhere", { directory, mode: 0o660 });
        shared.counter("visits");
        process.env.INTERLOCK_DIR = directory;
        const { stdout } = await interlock(["inspect"]);
        const owner = `process ${process.pid}[^│]*, ${adapter.name}`;
        assert.match(stdout, /^elsewhere: 126,976 bytes, .*\/elsewhere, 1 of 1,023 slots in use\n/);
        assert.match(stdout, new RegExp(`│ ${owner} +│ +│ [^ │]+`));
        assert.match(stdout, /│ visits │ counter │ 0 +│ +│ +│/);
        assert.doesNotMatch(stdout, new RegExp(name));
      });
    } finally {
      delete process.env.INTERLOCK_DIR;
      Segment.remove(name);
    }
  });

  it(
    "shows one segment, and lock files by their paths",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        chmodSync(directory, 0o700);
        using segment = Segment.open("jobs", { directory });
        Segment.open("other", { directory }).close();
        segment.counter("done").add(1234);
        segment.channel("mail", { capacity: 4 }).sendSync("text");
        segment.array("parts", 9).raw.set(0, -7);
        await using holder = Child.here(HOLDER, "jobs", directory);
        segment.mutex("lock");
        await holder.line();
        holder.kill();
        await holder.ended;
        const path = join(directory, "file.lock");
        using lock = new FileLock(path, { label: "nightly" });
        using _guard = lock.acquireSync();
        const env = { INTERLOCK_DIR: directory };
        const { status, stdout, stderr } = await interlock(["inspect", "jobs", path], env);
        assert.equal(status, 0, stderr);
        assert.match(stdout, /^jobs: /);
        assert.doesNotMatch(stdout, /other: /);
        assert.match(stdout, /, 2 of 1,023 slots in use, 1 of them by dead threads\n/);
        assert.match(stdout, new RegExp(`│ process ${holder.pid}[^│]*, dead +│ +│ +│`));
        assert.match(stdout, /│ mail +│ channel 4 512 +│ 1 of 4 messages +│/);
        assert.match(stdout, /│ done +│ counter +│ 1,234 +│/);
        assert.match(stdout, /│ parts +│ array Int32 9 +│ -7; 0; 0; 0; 0; 0; 0; 0; … +│ free +│/);
        assert.match(
          stdout,
          new RegExp(`│ lock +│ mutex +│ +│ its holder is dead: process ${holder.pid}`),
        );
        assert.match(stdout, /file\.lock │ held +│ process \d+[^│]*, "nightly"/);
        const { segments, files } = JSON.parse(
          (await interlock(["inspect", "--json", join(directory, "jobs"), path], env)).stdout,
        );
        assert.deepEqual([segments.length, segments[0].name], [1, "jobs"]);
        const { state, holders: [{ owner }] } = segments[0].cells.find((
          { kind }: { kind: string },
        ) => kind === "mutex");
        assert.deepEqual([state, owner.pid], ["dead", holder.pid]);
        assert.deepEqual([files[0].state, files[0].holders[0].owner.pid], ["held", process.pid]);

        for (
          const [args, why] of [
            [["missing"], /no such segment in .*give \.\/missing/],
            [["./missing"], /ENOENT/],
          ] as const
        ) {
          const { status, stderr } = await interlock(["inspect", ...args], env);
          assert.equal(status, 1);
          assert.match(stderr, why);
        }
      }),
  );

  it(
    "shows a damaged segment beside the others, and fails",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        chmodSync(directory, 0o700);
        Segment.open("fine", { directory }).close();
        Segment.open("damaged", { directory }).close();
        truncateSync(join(directory, "damaged"), 100_000);
        const { status, stdout } = await interlock(["inspect"], { INTERLOCK_DIR: directory });
        assert.equal(status, 1);
        assert.match(stdout, /^damaged: .*\nCannot use .*100000 bytes.*\n\nfine: /);
      }),
  );

  it("prints metrics for Prometheus", DEADLINE, () =>
    inScratchFolder(async (directory) => {
      chmodSync(directory, 0o700);
      using segment = Segment.open("jobs", { directory });
      segment.counter("done").add(7);
      const env = { INTERLOCK_DIR: directory };
      const { status, stdout } = await interlock(["inspect", "--prometheus"], env);
      assert.equal(status, 0);
      assert.match(stdout, /^interlock_value\{segment="jobs",name="done",kind="counter"\} 7$/m);
      assert.ok(stdout.endsWith("\n") && !stdout.endsWith("\n\n"));
      for (const other of ["--json", "--watch"]) {
        const { status, stderr } = await interlock(["inspect", "--prometheus", other], env);
        assert.equal(status, 2);
        assert.match(stderr, /--prometheus excludes/);
      }
    }));

  it(
    "looks again and again with --watch, until it is interrupted",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        chmodSync(directory, 0o700);
        const args = ["inspect", "jobs", "--watch", "--interval", "0.05"];
        const env = { INTERLOCK_DIR: directory };
        const watching = new Interlock([...args, "--json"], env);
        const table = new Interlock(args, env);
        try {
          await until("a segment that is missing", () => /no such segment/.test(table.stdout));
          using segment = Segment.open("jobs", { directory });
          segment.counter("done").add(1);
          await until("the segment", () => watching.stdout.includes('"value":1'));
          await until("a rate", () => {
            segment.counter("done").add(1000);
            return /│ done │ counter │ [\d,]+ \(\+[\d,.]+\/s\) │/.test(table.stdout);
          });
          await until("the next value", () => /"value":\d*00\d/.test(watching.stdout));
          assert.equal(segment.slots.used, 1, "it claims no slot");
        } finally {
          // Not by their own method: after it, Deno reports the signal, not the exit status.
          for (const { process: { pid } } of [watching, table]) process.kill(pid!, "SIGINT");
          for (const { status } of await Promise.all([watching.ended, table.ended])) {
            assert.equal(status, 130);
          }
        }
        for (const line of watching.stdout.split("\n").filter((line) => line.startsWith("{"))) {
          assert.ok(JSON.parse(line).segments.length === 1);
        }
      }),
  );

  it("rejects a wrong interval", DEADLINE, async () => {
    for (const args of [["--watch", "-i", "0"], ["--watch", "-i", "x"], ["-i", "1"]]) {
      const { status, stderr } = await interlock(["inspect", ...args]);
      assert.equal(status, 2);
      assert.match(stderr, /--interval/);
    }
  });

  const terminal = "script";
  it("restores the terminal in which --watch was interrupted", {
    ...DEADLINE,
    skip: spawnSync(terminal, ["--version"]).status !== 0 &&
      "script(1) is MISSING: this was NOT TESTED",
  }, () =>
    inScratchFolder(async (directory) => {
      if (spawnSync(terminal, ["--version"]).status !== 0) return; // Bun ignores `skip` here.
      chmodSync(directory, 0o700);
      Segment.open("jobs", { directory }).close();
      const line = [...COMMAND, "inspect", "--watch"].map((word) => `'${word}'`).join(" ");
      await using running = new Program(
        [terminal, "-qfec", `echo started $$; exec ${line}`, "/dev/null"],
        { INTERLOCK_DIR: directory },
      );
      let shown = "";
      const all = (async () => {
        for (;;) shown += `${await running.line()}\n`;
      })().catch(() => {}); // It has ended.
      await until("the table", () => shown.includes("jobs: "));
      process.kill(Number(/started (\d+)/.exec(shown)![1]), "SIGINT");
      await all;
      assert.ok(shown.trimEnd().endsWith("\x1b[?25h\x1b[?1049l"));
    }));

  const subset = "mount -t proc -o subset=pid proc /proc";
  for (
    const [where, command] of [["", []], [", with only a part of /proc", mounting(subset)]] as const
  ) {
    const skip = command.length > 0 && cannotRunUnder(command);
    it(`writes nothing to a segment${where}`, { ...DEADLINE, skip }, () => {
      const name = `inspected-${process.pid}-${Date.now()}`;
      const path = `${folderOfSegments(undefined)}/${name}`;
      using segment = Segment.open(name);
      try {
        using guard = segment.mutex("jobs").acquireSync();
        const before = readFileSync(path);
        const all = [...command, ...COMMAND, "inspect", "--json"];
        const { status, stdout, stderr } = spawnSync(all[0], all.slice(1), { encoding: "utf8" });
        assert.equal(status, 0, stderr);
        const { segments } = JSON.parse(stdout) as {
          segments: { name: string; cells: { holders?: { owner: { pid: number } }[] }[] }[];
        };
        const found = segments.find((segment) => segment.name === name);
        assert.equal(found!.cells[0].holders![0].owner.pid, process.pid);
        assert.equal(readFileSync(path).equals(before), true, "the file has changed");
        assert.ok(guard.held);
      } finally {
        Segment.remove(name);
      }
    });
  }

  it("does not create a segment that was removed meanwhile", () => {
    const path = `${folderOfSegments(undefined)}/inspected-${process.pid}`;
    assert.throws(() => inspectSegment(path), { code: "ENOENT" });
    assert.equal(existsSync(path), false);
  });
});
