import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { Segment } from "../../mod.ts";
import { Child } from "../support/child.ts";
import { Program } from "../support/program.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { COMMAND, interlock, until } from "./interlock.ts";

const DEADLINE = { timeout: 120_000 };
const HOLDER = new URL("../memory/fixtures/holding_process.ts", import.meta.url);

/** Runs `body` with a folder of segments, and with the environment that names it. */
function inFolder(body: (directory: string, env: Record<string, string>) => Promise<void>) {
  return inScratchFolder((directory) => {
    chmodSync(directory, 0o700);
    return body(directory, { INTERLOCK_DIR: directory });
  });
}

describe("interlock remove", () => {
  it(
    "removes segments that no thread has open",
    DEADLINE,
    () =>
      inFolder(async (directory, env) => {
        for (const name of ["a", "b", "c"]) Segment.open(name, { directory }).close();
        const { status, stdout, stderr } = await interlock(["remove", "a", "b"], env);
        assert.deepEqual([status, stdout, stderr], [0, "Removed a\nRemoved b\n", ""]);
        assert.deepEqual(readdirSync(directory), ["c"]);
        const missing = await interlock(["remove", "a"], env);
        assert.equal(missing.status, 1);
        assert.match(missing.stderr, /Cannot remove "a": there is no such segment in/);
      }),
  );

  it(
    "needs --yes without a terminal for one that is open, or damaged",
    DEADLINE,
    () =>
      inFolder(async (directory, env) => {
        using segment = Segment.open("open", { directory });
        Segment.open("damaged", { directory }).close();
        truncateSync(join(directory, "damaged"), 100);
        for (const [name, why] of [["open", `process ${process.pid}`], ["damaged", "fewer than"]]) {
          const { status, stderr } = await interlock(["remove", name], env);
          assert.equal(status, 1);
          assert.ok(stderr.includes(why) && stderr.includes("give --yes"), stderr);
          assert.ok(existsSync(join(directory, name)));
          assert.equal(
            (await interlock(["remove", "--yes", name], env)).stdout,
            `Removed ${name}\n`,
          );
          assert.equal(existsSync(join(directory, name)), false);
        }
        assert.equal(segment.stale, true);
      }),
  );
});

describe("interlock gc", () => {
  it(
    "removes what no living process has open, keeps the rest, and says why",
    DEADLINE,
    () =>
      inFolder(async (directory, env) => {
        for (const name of ["damaged", "dead", "unused"]) Segment.open(name, { directory }).close();
        truncateSync(join(directory, "damaged"), 100);
        writeFileSync(join(directory, "other"), "no segment");
        using _open = Segment.open("open", { directory });
        await using holder = Child.here(HOLDER, "dead", directory);
        await holder.line();
        holder.kill();
        await holder.ended;
        const asked = await interlock(["gc"], env);
        assert.equal(asked.status, 1);
        assert.match(asked.stdout, /^dead: not open, 1 name, 126,976 bytes$/m);
        assert.match(asked.stdout, /^unused: not open, 0 names/m);
        assert.match(
          asked.stdout,
          new RegExp(`^open: kept: it is open by process ${process.pid}`, "m"),
        );
        assert.match(asked.stdout, /^damaged: kept: .* it has 100 bytes/m);
        assert.match(asked.stderr, /Remove these 2 segments, with all values\?.* give --yes/);
        assert.equal(readdirSync(directory).length, 5);

        const { status, stdout } = await interlock(["gc", "--yes"], env);
        assert.match(stdout, /Removed dead\nRemoved unused\n$/);
        assert.equal(status, 1, "one cannot be read");
        assert.deepEqual(readdirSync(directory).sort(), ["damaged", "open", "other"]);
      }),
  );

  it("says that there is nothing to remove", DEADLINE, () =>
    inFolder(async (directory, env) => {
      const { status, stdout } = await interlock(["gc"], env);
      assert.deepEqual([status, stdout], [0, `No unused segments in ${directory}\n`]);
    }));

  const isMissing = spawnSync("script", ["--version"]).status !== 0;
  it("asks on a terminal, and takes only yes for it", {
    ...DEADLINE,
    skip: isMissing && "script(1) is MISSING: this was NOT TESTED",
  }, () =>
    inFolder(async (directory, env) => {
      if (isMissing) return; // Bun ignores `skip` here.
      Segment.open("unused", { directory }).close();
      const line = [...COMMAND, "gc"].map((word) => `'${word}'`).join(" ");
      for (const [answer, left] of [["maybe", 1], ["", 1], ["y", 0]] as const) {
        await using running = new Program(["script", "-qec", line, "/dev/null"], env);
        let shown = "";
        running.process.stdout!.on("data", (text) => shown += text);
        await until("the question", () => shown.includes("[y/N] "));
        running.tell(answer);
        const { code } = await running.ended;
        assert.equal(code, left, shown);
        assert.equal(readdirSync(directory).length, left);
      }
    }));
});
