import { describe, it } from "node:test";
import { cannotMount, runMounted } from "../support/mounted.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const FULL_DISK = new URL("./fixtures/full_disk_process.ts", import.meta.url);
const PRIVATE_SHM = "mount -t tmpfs none /dev/shm";

describe("the folder of a run", { skip: cannotMount(PRIVATE_SHM) }, () => {
  it(
    "leaves nothing if a file cannot be made",
    { timeout: 60_000 },
    () =>
      inScratchFolder((folder) => {
        const script = `${PRIVATE_SHM}; mount -t tmpfs -o nr_inodes=2 none "${folder}"`;
        runMounted(script, FULL_DISK, folder);
      }),
  );
});
