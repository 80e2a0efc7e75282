/**
 * Builds src/memory/atomics.wat into src/memory/atomics_wasm.ts. With `--check` only checks whether
 * the file is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import wabt from "wabt";

const source = new URL("../src/memory/atomics.wat", import.meta.url);
const target = new URL("../src/memory/atomics_wasm.ts", import.meta.url);

const toolkit = await wabt();
const wat = toolkit.parseWat("atomics.wat", readFileSync(source, "utf8"), { threads: true });
const base64 = Buffer.from(wat.toBinary({}).buffer).toString("base64");

const lines = base64.match(/.{1,92}/g)!.map((line) => `  "${line}"`).join(" +\n");
const module = `// Built from atomics.wat by \`deno task wasm\`; do not edit.

/** The module of atomics.wat, in base64. */
export const WASM: string =
${lines};
`;

if (!process.argv.includes("--check")) {
  writeFileSync(target, module);
} else if (readFileSync(target, "utf8") !== module) {
  console.error(
    "src/memory/atomics_wasm.ts is out of date with atomics.wat: run `deno task wasm`",
  );
  process.exit(1);
}
