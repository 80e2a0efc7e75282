import { execFileSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { adapter } from "../../src/runtime/mod.ts";

const BUILD = fileURLToPath(new URL("../../scripts/build_npm.ts", import.meta.url));

/** Builds the npm package and packs it into a folder, as `npm publish` would. Returns the file. */
export function pack(folder: string): string {
  const dist = join(folder, "dist");
  const flags = adapter.name === "deno" ? ["run", "-A"] : [];
  execFileSync(process.execPath, [...flags, BUILD, dist], { stdio: ["ignore", 2, 2] });
  const output = execFileSync("npm", ["pack", "--silent", `--pack-destination=${folder}`, dist], {
    encoding: "utf8",
  });
  return join(folder, output.trim());
}
