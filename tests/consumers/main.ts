/**
 * Uses the packages as programs do: builds the npm package, packs it, and runs the files of this
 * folder that end in `_consumer.ts`. Each installs the packed file into empty projects and runs
 * programs there. Arguments select files by the beginnings of their names; `--short` leaves out all
 * that takes long: it uses the npm package in three runtimes.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findRuntimes } from "../../src/host/runtimes.ts";
import { pack } from "./pack.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));

const given = process.argv.slice(2);
const isShort = given.includes("--short");
const beginnings = isShort ? ["package", "runtimes"] : given;
const files = readdirSync(HERE)
  .filter((name) => name.endsWith("_consumer.ts"))
  .filter((name) => beginnings.length === 0 || beginnings.some((part) => name.startsWith(part)));
if (files.length === 0) {
  console.error(`Cannot run consumers: no name begins with ${beginnings.join(", ")}`);
  process.exit(1);
}

const runtimes = await findRuntimes(["deno", "bun", "node"]);
const executable = (wanted: string) => runtimes.find(({ name }) => name === wanted)!.path;
const folder = mkdtempSync(join(tmpdir(), "interlock-consumers-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => process.exit(1));
}
const { status } = spawnSync(
  executable("deno"),
  ["test", "-A", "--no-check", ...files.map((name) => join(HERE, name))],
  {
    stdio: "inherit",
    env: {
      ...process.env,
      ...Object.fromEntries(
        runtimes.map(({ name, path }) => [`INTERLOCK_${name.toUpperCase()}`, path]),
      ),
      INTERLOCK_SCRATCH: folder,
      INTERLOCK_TARBALL: pack(folder),
      INTERLOCK_SHORT: isShort ? "1" : "",
    },
  },
);
process.exit(status ?? 1);
