import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { interlock } from "./interlock.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
/** Checks the syntax of a script; prints what completes `interlock ...words`. */
const PROGRAMS = {
  bash: (words: readonly string[]) =>
    `COMP_WORDS=(interlock ${words.map((word) => `'${word}'`).join(" ")})
     COMP_CWORD=${words.length}
     _interlock
     printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: () => "", // Its completion needs a terminal.
  fish: (words: readonly string[]) => `complete -C 'interlock ${words.join(" ")}' | cut -f1`,
} as const;

describe("interlock completions", () => {
  for (const shell of SHELLS) {
    const isMissing = spawnSync(shell, ["-c", "true"]).status !== 0;
    it(
      `is a script for ${shell}`,
      { skip: isMissing && `${shell} is MISSING: this was NOT TESTED` },
      async () => {
        if (isMissing) return; // Bun ignores `skip` here.
        const { status, stdout: script, stderr } = await interlock(["completions", shell]);
        assert.equal(status, 0, stderr);
        const completed = (...words: string[]) => {
          // zsh defines it by a function that only `compinit` makes.
          const code = `${shell === "zsh" ? "compdef() { :; }\n" : ""}${script}\n` +
            PROGRAMS[shell](words);
          const run = spawnSync(shell, ["-c", code], { encoding: "utf8" });
          assert.equal(run.stderr, "");
          assert.equal(run.status, 0);
          return run.stdout.split("\n").filter(Boolean);
        };
        if (shell === "zsh") return assert.deepEqual(completed(), []);
        const names = completed("");
        for (const name of ["advise", "completions", "count", "inspect", "lock"]) {
          assert.ok(names.includes(name), names.join());
        }
        assert.deepEqual(completed("count", "--un"), ["--unit"]);
        assert.deepEqual(completed("count", "--unit", "w"), ["worker"]);
        assert.deepEqual(completed("count", "ato"), ["atomic"]);
        assert.deepEqual(completed("advise", "-s", "p"), ["power"]);
        assert.deepEqual(completed("lock", "--stat"), ["--status"]);
      },
    );
  }

  it("rejects another shell", async () => {
    const { status, stderr } = await interlock(["completions", "tcsh"]);
    assert.equal(status, 2);
    assert.match(stderr, /'tcsh' is invalid.*bash, zsh, fish/s);
  });
});
