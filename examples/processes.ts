/**
 * Four processes add to one number. Run it with any runtime: `deno run -A`, `bun`, `node`.
 *
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { AtomicCounter, Memory } from "../mod.ts";

const [path] = process.argv.slice(2);
if (path !== undefined) {
  using memory = Memory.map(path, 128);
  const counter = new AtomicCounter(memory, 0);
  for (let i = 0; i < 1000; i++) counter.add();
} else {
  const folder = mkdtempSync(join(tmpdir(), "interlock-example-"));
  const file = join(folder, "memory");
  using memory = Memory.map(file, 128);
  await Promise.all(
    [1, 2, 3, 4].map(() => once(fork(fileURLToPath(import.meta.url), [file]), "exit")),
  );
  console.log(`four processes counted to ${new AtomicCounter(memory, 0).value}`);
  rmSync(folder, { recursive: true });
}
