/**
 * Writes the JSON Schema of a count's configuration, for editors. With `--check` only checks whether
 * the file is up to date.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { z } from "zod";
import { countSchema } from "../src/counting/config.ts";

const file = new URL("../schema/count.schema.json", import.meta.url);
const schema = z.toJSONSchema(countSchema, { io: "input" });
const text = `${JSON.stringify({ title: "interlock count", ...schema }, null, 2)}\n`;

if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (readFileSync(file, "utf8") !== text) {
  console.error("schema/count.schema.json is out of date: run `deno task schema`");
  process.exit(1);
}
