import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { cannotRunUnder, mounting } from "../../support/mounted.ts";
import { childEnvironment } from "../../support/child_environment.ts";
import { COMMAND } from "../interlock.ts";

/** A temporary folder that takes no byte more: one page, which is used. */
const FULL = mounting(
  "mount -t tmpfs -o size=4k,nr_inodes=20 none /mnt; echo full > /mnt/full; export TMPDIR=/mnt",
);

describe("a count with a full temporary folder", () => {
  it("goes on without the strategies that write there", { skip: cannotRunUnder(FULL) }, () => {
    const small = ["--workers", "2", "--increments", "10", "--unit", "worker"];
    const count = [...COMMAND, "count", "file", "atomic", ...small];
    const { env, giveBack } = childEnvironment({ COLUMNS: "200" });
    try {
      const { status, stdout, stderr } = spawnSync(FULL[0], [...FULL.slice(1), ...count], {
        encoding: "utf8",
        env,
      });
      assert.equal(status, 1, stderr);
      assert.match(stdout, /^file +left out: .*no space left on the file system \(ENOSPC\)$/m);
      assert.match(stdout, /^atomic +2 x 10 .* exact$/m);
      assert.equal(stderr, "Cannot write to the disk: file\n");
    } finally {
      giveBack();
    }
  });
});
