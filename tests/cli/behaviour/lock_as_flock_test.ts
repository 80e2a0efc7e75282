import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Program } from "../../support/program.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { COMMAND } from "../interlock.ts";

const DEADLINE = { timeout: 60_000 };
const hasFlock = spawnSync("flock", ["--version"]).status === 0;
const skip = !hasFlock && "flock(1) of util-linux is MISSING, this was NOT TESTED";

/**
 * Shell scripts that run with `"$@"` as flock(1) and as `interlock lock`. Both must write the output
 * that is given here, so that a script cannot pass by writing nothing.
 */
const SCRIPTS: Readonly<Record<string, readonly [script: string, output: string]>> = {
  "locks and unlocks a descriptor, whose lock stays with the shell": [
    `exec 9> f
    "$@" 9; echo $?; flock -n f true; echo $?
    "$@" -u 9; echo $?; flock -n f true; echo $?`,
    "0 1 0 0",
  ],
  "cannot lock a descriptor that another holds, and shares one": [
    `exec 8> f 9>> f; flock 8
    "$@" -n 9; echo $?
    "$@" -w 0.02 -E 7 9; echo $?
    flock -u 8; "$@" -s 9; echo $?; flock -sn 8; echo $?; flock -n 8; echo $?`,
    "1 7 0 0 1",
  ],
  "waits for a descriptor of a folder": [
    `exec 8< . 9< .; flock 8
    "$@" 9 & until grep -q "[-]> FLOCK.*:$(stat -c %i .) " /proc/locks; do sleep 0.01; done
    flock -u 8; wait $!; echo $?; flock -n 8; echo $?`,
    "0 1",
  ],
  // Without NO_COLOR, Bun duplicates its output to the first free descriptor.
  "rejects a descriptor that is not open": [
    `for i in 3 4 5 6 7; do eval "exec $i>&-"; done; unset NO_COLOR
    for i in 5 6; do "$@" $i > out 2> err; echo $?; done`,
    "65 65",
  ],
  "locks a folder": [
    `"$@" . -c 'flock -n . true'; echo $?; exec 9< .; flock 9; "$@" -n . echo ran; echo $?`,
    "1 1",
  ],
  "becomes the command, which holds the lock": [
    `sh -c 'echo $$; exec "$@"' sh "$@" -F f sh -c 'echo $$' | uniq | wc -l
    echo in | "$@" --no-fork f sh -c 'cat; flock -n f true; echo $?; exit 5'; echo $?
    flock -n f true; echo $?; "$@" -F -o f echo ran || echo refused`,
    "1 in 1 5 0 refused",
  ],
  "keeps the lock from the command, but passes on other descriptors of the shell": [
    `"$@" -o f sh -c 'echo ran >&5; for i in /proc/$$/fd/*; do [ $i -ef f ] && echo $i; done' 5> out
    cat out; "$@" -F f sh -c 'echo ran too >&5' 5> out; cat out; "$@" --close f flock -n f true; echo $?`,
    "ran ran too 1",
  ],
  "creates a file with the umask's mode, follows links, and writes to no existing file": [
    `umask 022; ln -s target link
    "$@" link true; echo $?; stat -c %a target
    printf kept > old; chmod 444 old; "$@" old cat old; echo; "$@" old/x true; echo $?`,
    "0 644 kept 66",
  ],
  "has the same exit status if another process holds the file": [
    `exec 9> f; flock 9
    for o in "-nE5" "--conflict-exit-code=4 --wait 0" "-w.02"; do "$@" $o f echo ran; echo $?; done`,
    "5 4 1",
  ],
  "uses the last of -s, -x and -u": [
    `exec 9> f; flock -s 9
    "$@" -uxns f echo ran; "$@" -s -xn f echo ran; echo $?; "$@" -xnu f echo ran; echo $?`,
    "ran 1 ran 0",
  ],
  "rejects a wrong command line": [
    `for o in "f" "-w -1 f true"; do "$@" $o || echo no; done`,
    "no no",
  ],
};

async function outputOf(script: string, command: readonly string[], folder: string) {
  mkdirSync(folder);
  const words = ["sh", "-c", `cd "$0" && ${script}`, folder, ...command];
  await using program = new Program(words);
  let output = "";
  program.process.stdout!.on("data", (text) => output += text);
  const { stderr } = await program.ended;
  return { output: output.trim().split(/\s+/).join(" "), stderr };
}

describe("interlock lock, compared with flock(1)", { skip }, () => {
  for (const [name, [script, expected]] of Object.entries(SCRIPTS)) {
    it(name, DEADLINE, () =>
      inScratchFolder(async (folder) => {
        const [theirs, ours] = await Promise.all([
          outputOf(script, ["flock"], join(folder, "theirs")),
          outputOf(script, [...COMMAND, "lock"], join(folder, "ours")),
        ]);
        assert.equal(theirs.output, expected, theirs.stderr);
        assert.equal(ours.output, theirs.output, ours.stderr);
      }));
  }
});
