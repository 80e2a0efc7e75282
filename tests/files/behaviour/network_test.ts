import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileLock } from "../../../mod.ts";
import { cannotMount, runMounted } from "../../support/mounted.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const PROCESS = new URL("../fixtures/network_process.ts", import.meta.url);
/** Mounts one folder on another by FUSE, as a network file system would, until the script ends. */
const mountFuse = (from: string, to: string) => `bindfs ${from} ${to}; trap 'umount ${to}' EXIT`;
const skip = await inScratchFolder((folder) => cannotMount(mountFuse("/etc", folder)));

describe("Files on a network file system", () => {
  it("are not taken for files of this machine", () =>
    inScratchFolder((folder) => {
      using lock = new FileLock(join(folder, "lock"));
      assert.equal(lock.capabilities.network, undefined);
    }));

  it(
    "are detected, and can be locked on this machine, with FUSE",
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
