import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { cacheFolder } from "../../src/host/runtimes.ts";
import { run, SHORT } from "./project.ts";

/** A runtime in which consumers run. */
export interface ConsumerRuntime {
  readonly title: string;
  /** The command that runs a module. */
  readonly command: readonly string[];
  /** The command that runs `interlock` as installed in a project. */
  readonly interlock: readonly string[];
  /** What the environment needs for these. */
  readonly env: Readonly<Record<string, string>>;
  /** The packages without which it cannot call the C library. */
  readonly needs: readonly string[];
}

/** The Deno, Bun or Node of the project. */
export const executableOf = (name: string): string =>
  process.env[`INTERLOCK_${name.toUpperCase()}`]!;

function node(title: string, path: string): ConsumerRuntime {
  return {
    title,
    command: [path],
    interlock: ["npx", "interlock"],
    // So that `#!/usr/bin/env node` is this one.
    env: { PATH: `${dirname(path)}:${process.env.PATH}` },
    needs: [],
  };
}

const [bun, deno] = ["bun", "deno"].map(executableOf);

/** The Node, Bun and Deno of the project. */
export const CURRENT: readonly ConsumerRuntime[] = [
  node("Node 26", executableOf("node")),
  {
    title: "Bun",
    command: [bun],
    interlock: [bun, "x", "--bun", "interlock"],
    env: {},
    needs: [],
  },
  {
    title: "Deno",
    command: [deno, "run", "-A"],
    interlock: [deno, "run", "-A", "npm:@interlock/interlock"],
    env: {},
    needs: [],
  },
];

/** The oldest Node that the package supports; for arm64, the oldest of these that npm has. */
const OLDEST = process.arch === "arm64" ? "22.13.1" : "22.12.0";
/** The older versions of Node: the oldest, and the last one of each line. */
const OLDER = [OLDEST, "22.23.3", "24.21.0"];

/** The runtimes to test: the current ones, in the long form also older versions of Node. */
export async function runtimes(): Promise<readonly ConsumerRuntime[]> {
  return SHORT ? CURRENT : [...CURRENT, ...await olderNodes()];
}

/** The older versions of Node. */
export function olderNodes(): Promise<ConsumerRuntime[]> {
  return Promise.all(OLDER.map(async (version) => ({
    ...node(`Node ${version}`, await fetchNode(version)),
    needs: ["koffi"],
  })));
}

/** Fetches a version of Node from npm into the user's cache; returns the executable. */
async function fetchNode(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`;
  const cache = join(cacheFolder(), "runtimes");
  const folder = join(cache, `node-${version}`);
  const path = join(folder, "node_modules", name, "bin/node");
  if (existsSync(path)) return path;
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(join(cache, "new-"));
  try {
    await run(
      ["npm", "install", "--no-save", "--no-audit", "--no-fund", `${name}@${version}`],
      { cwd: made },
    );
    await rename(made, folder);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return path;
}
