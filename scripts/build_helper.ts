/**
 * Bundles workers/helper.ts into src/runtime/threads/helper_program.ts, as a `data:` URL. With
 * `--check` only checks whether the file is up to date.
 *
 * @module
 */
import { build } from "esbuild";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const entry = fileURLToPath(new URL("../workers/helper.ts", import.meta.url));
const target = new URL("../src/runtime/threads/helper_program.ts", import.meta.url);

const { outputFiles, metafile } = await build({
  entryPoints: [entry],
  bundle: true,
  minify: true,
  // A classic script has no top-level await, and no imports.
  format: "iife",
  platform: "neutral",
  // The oldest runtime cannot parse `using`.
  target: "node22",
  legalComments: "none",
  // A name for stack traces, which would show the whole URL.
  footer: { js: "//# sourceURL=interlock-helper.js" },
  metafile: true,
  write: false,
  logLevel: "error",
});
if (Object.keys(metafile.inputs).some((path) => target.pathname.endsWith(`/${path}`))) {
  throw new Error("The program of helpers contains itself: a helper must not start helpers");
}

// What a URL cannot contain, or what a runtime takes for its end.
const code = outputFiles[0].text.replace(/[%#?\t\r\n]/g, encodeURIComponent);
const module = `// Built from workers/helper.ts by \`deno task helper\`; do not edit.

/** The program of a helper thread, as a \`data:\` URL. */
export const HELPER_PROGRAM: string = ${JSON.stringify(`data:text/javascript,${code}`)};
`;

if (!process.argv.includes("--check")) {
  writeFileSync(target, module);
} else if (readFileSync(target, "utf8") !== module) {
  console.error(
    "src/runtime/threads/helper_program.ts is out of date with the sources of helpers: run " +
      "`deno task helper`",
  );
  process.exit(1);
}
