import { readFileSync } from "node:fs";
import { posix } from "node:path";

/** Which files of the project name which, by their paths from its root. */
export type Imports = ReadonlyMap<string, ReadonlySet<string>>;

const COMMENTS = /^\s*(?:\/\/|\/?\*).*$/gm;
const NAMED =
  /\b(?:from|import)\s*\(?\s*(["`])(\.[^"`]+)\1|\bnew URL\(\s*(["`])(\.[^"`]+)\3,\s*import\.meta\.url/g;

/**
 * The modules that a module names by relative paths: imports and exports, of types too, dynamic
 * imports, and the URLs of workers and programs. `${...}` in a path stands as `*`.
 */
export function namedIn(code: string): string[] {
  return [...code.replace(COMMENTS, "").matchAll(NAMED)]
    .map(([, , imported, , url]) => (imported ?? url).replace(/\$\{[^}]*\}/g, "*"));
}

/** The imports of these modules of the project. */
export function importsIn(root: string, files: readonly string[]): Imports {
  return new Map(files.map((file) => {
    const named = namedIn(readFileSync(root + file, "utf8"))
      .map((path) => posix.join(posix.dirname(file), path));
    return [file, new Set(named.flatMap((path) => filesLike(path, files)))];
  }));
}

function filesLike(path: string, files: readonly string[]): readonly string[] {
  if (!path.includes("*")) return [path];
  const [start, end] = [path.slice(0, path.indexOf("*")), path.slice(path.lastIndexOf("*") + 1)];
  return files.filter((file) => file.startsWith(start) && file.endsWith(end));
}

/** The imports between folders, which `folderOf` finds for a file; `undefined` leaves a file out. */
export function importsOfFolders(
  imports: Imports,
  folderOf: (file: string) => string | undefined,
): Imports {
  const folders = new Map<string, Set<string>>();
  for (const [file, named] of imports) {
    const folder = folderOf(file);
    if (folder === undefined) continue;
    const others = folders.get(folder) ?? new Set();
    folders.set(folder, others);
    for (const other of [...named].map(folderOf)) {
      if (other !== undefined && other !== folder) others.add(other);
    }
  }
  return folders;
}

/** A circle for each import that closes one, as `a.ts -> b.ts -> a.ts`; none if there is no circle. */
export function circlesIn(imports: Imports): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]) => {
    const start = way.indexOf(file);
    if (start >= 0) circles.push([...way.slice(start), file].join(" -> "));
    if (start >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...way, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return circles;
}
