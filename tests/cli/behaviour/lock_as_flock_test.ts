import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Program } from "../../support/program.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { COMMAND } from "../interlock.ts";

const DEADLINE = { timeout: 120_000 };
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
    for i in 5 6; do "$@" $i > out 2> err; echo $?; done
    export NODE_COMPILE_CACHE="$PWD/cache" # Bun keeps this folder open.
    for i in 5 6; do "$@" $i > out 2> err; echo $?; done`,
    "65 65 65 65",
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
  "lets a script lock itself, and runs one that does not begin with #!": [
    `export L="$*"; printf '%s\\n' '#!/bin/sh' 'echo $1; $L -n "$0" true; echo $?' > s
    sed -i '1a [ "$FLOCKER" != "$0" ] \\&\\& exec env FLOCKER="$0" $L -en "$0" "$0" "$@" || :' s
    echo 'echo $0 $1' > t; chmod +x s t; ./s in; "$@" t ./t x; PATH=.:$PATH "$@" t t y`,
    "in 1 ./t x ./t y",
  ],
  "locks a device and a pipe": [
    `mkfifo p; : > p & "$@" /dev/null echo null; "$@" p echo pipe`,
    "null pipe",
  ],
  "passes the environment on byte for byte": [
    `echo FROM_FILE=1 > .env; export X="$(printf 'caf\\351')" DENO_NO_PROMPT=; env | sort > given
    "$@" f env | sort > got; cmp given got && echo same
    for o in -F -s; do env -i A=1 "$@" $o f env; done`,
    "same A=1 A=1",
  ],
  "passes names and arguments on byte for byte": [
    `l="$(printf 'l\\351')"; "$@" "$l" printf %s: "$(printf 'caf\\351x')" '' ü | od -An -tx1
    "$@" -E 5 "$l" -c '"$@" -nE 5 l* true; echo $?; ls' | grep -ac l; [ -e "$l" ] && echo there`,
    "63 61 66 e9 78 3a 3a c3 bc 3a 1 there",
  ],
  "passes on the limit of open files, and all descriptors but its own": [
    `ulimit -Sn 100; mkfifo p; echo in > in; exec 3>&1 5<in 6<> p
    true | { exec 8<&0 9> /proc/self/fd/0; sh -c 'ls /proc/$$/fd > got; :'; n=$(wc -l < got)
    for o in -s -F -o; do "$@" $o f sh -c 'ulimit -n; echo 3 >&3; echo 6 >&6; head -n 1 <&6
    echo 8 >&9; head -n 1 <&8; ls /proc/$$/fd > got'; echo +$(($(wc -l < got) - n)); done; }
    "$@" f cat <&5`,
    // Without -o, the command has the descriptor of the lock as well.
    "100 3 6 8 +1 100 3 6 8 +1 100 3 6 8 +0 in",
  ],
  "takes abbreviated options, and numbers as C reads them": [
    `exec 9> f; flock 9
    "$@" --excl --nonb -E " 3" f true; echo $?; "$@" --time .02 -E +4 f true; echo $?
    "$@" -n -w 30 f true; echo $?; "$@" --wait=0 f true; echo $?; "$@" -s -x -w0 9; echo $?`,
    "3 4 1 1 0",
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
        // One after the other: a program that is being started can inherit what the next one needs.
        const theirs = await outputOf(script, ["flock"], join(folder, "theirs"));
        const ours = await outputOf(script, [...COMMAND, "lock"], join(folder, "ours"));
        assert.equal(theirs.output, expected, theirs.stderr);
        assert.equal(ours.output, theirs.output, ours.stderr);
      }));
  }
});
