/**
 * Updates the lock files of Deno, Bun and npm after a change of the packages in package.json.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const COUNTING = "deno.production.lock";

function run(cwd: string, command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status === 0) return;
  const why = error?.message ?? `status ${status}`;
  throw new Error(`Cannot update a lock file with "${command} ${args.join(" ")}": ${why}`);
}

run(ROOT, process.execPath, "install");
run(ROOT, "npm", "install", "--package-lock-only", "--no-audit", "--no-fund");
run(ROOT, "npx", "-y", "bun", "install", "--lockfile-only");

// Without the other lock file: Deno would take over all that it contains.
const folder = mkdtempSync(join(tmpdir(), "interlock-lock-"));
try {
  for (const file of ["package.json", "deno.json"]) copyFileSync(ROOT + file, join(folder, file));
  run(folder, process.execPath, "install", "--prod", `--lock=${COUNTING}`);
  copyFileSync(join(folder, COUNTING), ROOT + COUNTING);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
