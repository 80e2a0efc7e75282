import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));

/** Builds the npm package and packs it into a folder, as `npm publish` would. Returns the file. */
export async function pack(folder: string): Promise<string> {
  await import("../../scripts/build_npm.ts");
  const output = execFileSync("npm", ["pack", "--json", `--pack-destination=${folder}`, DIST], {
    encoding: "utf8",
  });
  return join(folder, JSON.parse(output)[0].filename);
}
