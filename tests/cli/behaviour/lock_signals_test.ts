import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Program } from "../../support/program.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { COMMAND } from "../interlock.ts";

const DEADLINE = { timeout: 120_000 };
const hasScript = spawnSync("script", ["--version"]).status === 0;
const skip = !hasScript && "script(1) of util-linux is MISSING, this was NOT TESTED";

const inFolder = (body: (path: string) => Promise<void>) =>
  inScratchFolder((folder) => body(join(folder, "lock")));

describe("interlock lock", () => {
  it(
    "learns how its command ends even if its caller ignores that",
    DEADLINE,
    () =>
      inFolder(async (path) => {
        const ignoring = ["env", "--ignore-signal=CHLD"];
        await using program = new Program([
          ...ignoring,
          ...COMMAND,
          "lock",
          path,
          "sh",
          "-c",
          "exit 7",
        ]);
        assert.equal((await program.ended).code, 7);
      }),
  );

  it(
    "waits for its command after many signals of one kind",
    DEADLINE,
    () =>
      inFolder(async (path) => {
        const script = "trap : TERM; trap 'exit 5' USR1; echo ready; while :; do sleep 0.01; done";
        await using program = new Program([...COMMAND, "lock", path, "sh", "-c", script]);
        assert.equal(await program.line(), "ready");
        for (let i = 0; i < 200; i++) {
          program.kill("SIGTERM");
          if (i % 4 === 0) await setTimeout(1);
        }
        program.kill("SIGUSR1");
        const { code, signal } = await program.ended;
        assert.deepEqual([code, signal], [5, null]);
      }),
  );

  it(
    "leaves Ctrl-C to the terminal, also in a pipeline",
    { ...DEADLINE, skip },
    () =>
      inFolder(async (path) => {
        const script =
          "trap 'echo interrupted' INT; trap 'exit 0' USR1; echo $PPID; while :; do :; done";
        const words = [...COMMAND, "lock", path, "sh", "-c", script];
        const quoted = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
        await using program = new Program(["script", "-qec", `: | ${quoted}`, "/dev/null"]);
        const interlock = Number(await program.line());
        program.process.stdin!.write("\x03");
        let count = 0;
        for (let line; (line = await program.line().catch(() => undefined)) !== undefined;) {
          if (!line.includes("interrupted")) continue;
          count++;
          if (count === 1) process.kill(interlock, "SIGUSR1"); // Forwarded after what arrived before.
        }
        assert.equal(count, 1);
      }),
  );
});
