/**
 * Four processes add to one number. Run it with any runtime: `deno run -A`, `bun`, `node`.
 *
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Segment } from "../mod.ts";

const [name] = process.argv.slice(2);
if (name !== undefined) {
  using segment = Segment.open(name, { create: false });
  const counter = segment.counter("done");
  for (let i = 0; i < 1000; i++) counter.add();
} else {
  const name = `interlock-example-${process.pid}`;
  using segment = Segment.open(name);
  await Promise.all(
    [1, 2, 3, 4].map(() => once(fork(fileURLToPath(import.meta.url), [name]), "exit")),
  );
  console.log(`four processes counted to ${segment.counter("done").value}`);
  Segment.remove(name);
}
