import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { launch } from "../launch.ts";
import type { Binary } from "./programs.ts";

const PEERS = fileURLToPath(new URL("./python/peers.py", import.meta.url));
const PROBE = "import sys; print(sys.version.split()[0])";
const PROBE_FASTENERS = `
from importlib.metadata import version
import fasteners
print(version("fasteners"))`;

/**
 * Finds Python on the PATH, preferably one that has fasteners.
 */
export async function findPython(): Promise<Binary | undefined> {
  let first: Binary | undefined;
  for (const folder of new Set((process.env.PATH ?? "").split(delimiter).filter(Boolean))) {
    const python = join(folder, "python3");
    const ask = (probe: string) =>
      launch([python, "-c", probe]).then((out) => out.trim(), () => undefined);
    const version = await ask(PROBE);
    if (version === undefined) continue;
    const fasteners = await ask(PROBE_FASTENERS);
    const found = { command: [python, PEERS], versions: { python3: version } };
    if (fasteners !== undefined) return { ...found, versions: { ...found.versions, fasteners } };
    first ??= found;
  }
  return first;
}
