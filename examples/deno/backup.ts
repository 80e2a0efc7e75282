/**
 * Copies a folder to a new folder with the time as its name, and keeps the newest copies:
 * `deno task backup SOURCE TARGET --keep 3 --wait 60`. However often it is started, one backup to a
 * target runs at a time; the others wait, or end with status 1.
 *
 * @module
 */
import { FileLock, withLock } from "@interlock/interlock";
import { parseArgs } from "@std/cli/parse-args";
import { copy } from "@std/fs/copy";
import { emptyDir } from "@std/fs/empty-dir";
import { ensureDir } from "@std/fs/ensure-dir";
import { walk } from "@std/fs/walk";

const USAGE = "Usage: backup SOURCE TARGET [--keep N] [--wait SECONDS]";

function fail(message: string, status: number): never {
  console.error(message);
  Deno.exit(status);
}

/** Copies to a name that does not count as a copy, so that a backup that dies leaves none. */
async function backUp(source: string, target: string, keep: number): Promise<string> {
  const partial = `${target}/.partial`;
  await emptyDir(partial); // A backup that died may have left it.
  await copy(source, partial, { overwrite: true });
  const made = `${target}/${new Date().toISOString().replaceAll(":", "-")}`;
  await Deno.rename(partial, made);
  const options = { maxDepth: 1, includeFiles: false, match: [/\/\d{4}-[^/]*Z$/] };
  const copies = await Array.fromAsync(walk(target, options), ({ path }) => path);
  for (const old of copies.sort().slice(0, -keep)) await Deno.remove(old, { recursive: true });
  return made;
}

const { _: [source, target, ...rest], help, ...flags } = parseArgs(Deno.args, {
  string: ["_", "keep", "wait"],
  boolean: ["help"],
  default: { keep: "3", wait: "0" },
  unknown: (arg, key) => key === undefined || fail(`Unknown option ${arg}\n${USAGE}`, 2),
});
if (help) {
  console.log(USAGE);
  Deno.exit();
}
if (source === undefined || target === undefined || rest.length > 0) fail(USAGE, 2);
const keep = Number(flags.keep);
const seconds = Number(flags.wait);
if (!(Number.isInteger(keep) && keep >= 1)) fail("--keep must be a whole number from 1", 2);
if (!(seconds >= 0)) fail("--wait must be a number of seconds", 2);

await ensureDir(`${target}`);
using lock = new FileLock(`${target}/.lock`, { label: `backup of ${source}` });
try {
  await withLock(lock, async ({ recovered }) => {
    if (recovered) console.error("The last backup died; it is made again from the beginning");
    console.log(await backUp(`${source}`, `${target}`, keep));
  }, { timeout: seconds * 1000 });
} catch (error) {
  if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
  fail(error.message, 1); // It names the backup that holds the lock.
}
