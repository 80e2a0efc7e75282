/**
 * Builds cli/watch_page.ts, the page of `interlock watch --web`, from the folder `page`: one text,
 * since a package on JSR cannot read files beside its modules. With `--check` only checks whether
 * the file is up to date.
 *
 * @module
 */
import { transform } from "esbuild";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { VARIABLES } from "../bench/report/charts/palette.ts";

const target = new URL("../cli/watch_page.ts", import.meta.url);
const read = (name: string) => readFileSync(new URL(`../page/${name}`, import.meta.url), "utf8");

const small = async (text: string, loader: "js" | "css") => {
  const { code } = await transform(text, { loader, minify: true, target: "es2022" });
  return code.trim();
};
const style = await small(read("page.css").replace("/* palette */", VARIABLES), "css");
const script = await small(read("page.js"), "js");
const page = read("page.html").trim().replaceAll(/\n\s*/g, "\n")
  .replace("<style></style>", () => `<style>${style}</style>`)
  .replace("<script></script>", () => `<script>${script}</script>`);
const module = `// Built from the folder page by \`deno task page\`; do not edit.

/** The page of \`interlock watch --web\`. */
export const PAGE: string = ${JSON.stringify(page)};
`;

if (!process.argv.includes("--check")) {
  writeFileSync(target, module);
} else if (readFileSync(target, "utf8") !== module) {
  console.error("cli/watch_page.ts is out of date with the folder page: run `deno task page`");
  process.exit(1);
}
