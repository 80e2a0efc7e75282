import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileLock } from "../../mod.ts";
import { cannotMount, runMounted } from "../support/mounted.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const PROCESS = new URL("./fixtures/network_process.ts", import.meta.url);
/** Mounts one folder on another by FUSE, as what mounts another machine's does; until the end. */
const mountFuse = (from: string, to: string) => `bindfs ${from} ${to}; trap 'umount ${to}' EXIT`;
const skip = cannotMount(`mkdir -p /tmp/.fuse; ${mountFuse("/etc", "/tmp/.fuse")}`);

describe("files on a network file system", () => {
  it("are told from those of this machine", () =>
    inScratchFolder((folder) => {
      using lock = new FileLock(join(folder, "lock"));
      assert.equal(lock.capabilities.network, undefined);
    }));

  it(
    "are found out, and serve this machine, by FUSE",
    { ...DEADLINE, skip },
    () =>
      inScratchFolder((folder) => {
        const [from, to] = [join(folder, "from"), join(folder, "to")];
        mkdirSync(from);
        mkdirSync(to);
        runMounted(mountFuse(from, to), PROCESS, to, "fuse");
      }),
  );
});
