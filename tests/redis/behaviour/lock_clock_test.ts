import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { RedisLock } from "../../../src/redis/mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { RedisServer, skip as withoutServer } from "../../support/redis_server.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";
import { ask, redisProcess } from "../redis_process.ts";

/** Changes the wall clock of one process, and not the monotonic ones. */
const MACHINE = adapter.arch === "arm64" ? "aarch64" : "x86_64";
const FAKETIME = `/usr/lib/${MACHINE}-linux-gnu/faketime/libfaketime.so.1`;
const skip = withoutServer ||
  (existsSync(FAKETIME) ? false : "NO CLOCK JUMPS TESTED: apt-get install libfaketime");
if (skip !== false) console.warn(skip);
if (skip !== false && process.env.INTERLOCK_NEEDS_ALL) throw new Error(skip);

const DEADLINE = { timeout: 60_000 };
const HOUR = 3_600_000;

describe("A lease when the wall clock jumps", { skip }, () => {
  let server: RedisServer;
  before(async () => server = await RedisServer.start());
  after(() => server[Symbol.asyncDispose]());

  async function jump(hours: number, mayCallC: boolean, goesOn: boolean): Promise<void> {
    await inScratchFolder(async (folder) => {
      const file = join(folder, "offset");
      writeFileSync(file, "+0");
      const environment = {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      };
      const name = `jump of ${hours} ${mayCallC}`;
      const options = `{"leaseTime":600000}`;
      await using child = redisProcess(server.url, name, options, adapter.name, {
        environment,
        mayCallC,
      });
      await using lock = new RedisLock(server.url, name);
      assert.equal(await child.line(), "ready");
      await ask(child, "acquire");
      const before = Number(await ask(child, "wall"));
      writeFileSync(file, `${hours > 0 ? "+" : ""}${hours}h`);
      await until("the jump", async () => {
        const jumped = Number(await ask(child, "wall")) - before;
        return Math.abs(jumped - hours * HOUR) < HOUR / 2;
      });
      assert.equal(await ask(child, "held"), `${goesOn}`);
      assert.equal(await ask(child, "aborted"), `${!goesOn}`);
      if (goesOn) assert.equal(await lock.tryAcquire(), undefined);
      assert.equal(await ask(child, "release"), goesOn ? "released" : "lost");
      await (await lock.acquire()).release();
    });
  }

  it("forward, continues", DEADLINE, () => jump(1, true, true));

  it("back, continues", DEADLINE, () => jump(-1, true, true));

  if (adapter.name === "deno") {
    it(
      "forward, counts as lost if only that clock could have shown a sleep",
      DEADLINE,
      () => jump(1, false, false),
    );

    it("back, continues in that case", DEADLINE, () => jump(-1, false, true));
  }
});
