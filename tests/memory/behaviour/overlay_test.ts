import { join } from "node:path";
import { describe, it } from "node:test";
import { cannotMount, runMounted } from "../../support/mounted.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const PROCESS = new URL("../fixtures/overlay_process.ts", import.meta.url);

/** Mounts an overlay, as containers have, over a folder. */
const mountOverlay = (folder: string) => `
  mount -t tmpfs none '${folder}'
  cd '${folder}'
  mkdir lower upper work merged
  mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work merged`;

const skip = await inScratchFolder((folder) => cannotMount(mountOverlay(folder)));

describe("A memory in overlayfs", { skip }, () => {
  it(
    "does not take its living owner for dead",
    { timeout: 60_000 },
    () =>
      inScratchFolder((folder) =>
        runMounted(mountOverlay(folder), PROCESS, join(folder, "merged"))
      ),
  );
});
