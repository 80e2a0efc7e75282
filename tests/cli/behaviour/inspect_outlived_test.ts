import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cannotRunUnder, IN_OTHER_PIDS } from "../../support/mounted.ts";
import { Program } from "../../support/program.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { COMMAND } from "../interlock.ts";

const DEADLINE = { timeout: 120_000 };

describe("interlock inspect FILE", () => {
  const skip = cannotRunUnder(IN_OTHER_PIDS);
  it(
    "shows the program that outlived interlock in a container, whose list lacks its lock",
    { ...DEADLINE, skip },
    () =>
      inScratchFolder(async (folder) => {
        if (skip !== false) return; // Bun ignores `skip` here.
        const interlock = COMMAND.map((word) => `'${word}'`).join(" ");
        await using program = new Program([
          ...IN_OTHER_PIDS,
          "sh",
          "-c",
          `cd "$0"; ${interlock} lock ./file -- sh -c 'echo $PPID > file.pid; exec sleep 60' &
          until [ -s file.pid ]; do sleep 0.02; done
          kill -9 $(cat file.pid); wait $!; ${interlock} inspect --json ./file`,
          folder,
        ]);
        const { files: [{ state, holders }] } = JSON.parse(await program.line());
        assert.equal(state, "held");
        assert.deepEqual(holders.map(({ command }: { command: string }) => command), ["sleep 60"]);
      }),
  );
});
