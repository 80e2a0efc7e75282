/** The folder that a path is in. */
export function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end) || "/";
}

/** The last part of a path: the name in its folder. */
export function lastPartOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The folders on the way to an absolute path, from the top. */
export function foldersTo(path: string): string[] {
  const folders: string[] = [];
  for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) {
    folders.push(path.slice(0, at));
  }
  return folders;
}
