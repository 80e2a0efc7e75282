import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "../launch.ts";
import type { Binary } from "./programs.ts";

const SOURCES = fileURLToPath(new URL("./c/", import.meta.url));
const COMPILERS = ["cc", "gcc", "clang"];

/** Compiles the C programs into a folder with `-O2`; `undefined` without a C compiler. */
export async function buildC(folder: string): Promise<Binary | undefined> {
  for (const compiler of COMPILERS) {
    const version = await launch([compiler, "--version"]).catch(() => undefined);
    if (version === undefined) continue;
    const sources = readdirSync(SOURCES).filter((name) => name.endsWith(".c"));
    const path = join(folder, "peers");
    await launch([
      compiler,
      "-O2",
      "-pthread",
      ...sources.map((name) => join(SOURCES, name)),
      "-o",
      path,
    ]);
    return { command: [path], versions: { cc: `${version.split("\n")[0]}, -O2` } };
  }
  return undefined;
}
