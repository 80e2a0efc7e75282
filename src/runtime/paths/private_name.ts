/** A random name beside a file, for the file that will replace it. */
export function privateName(path: string): string {
  return `${path}.${crypto.randomUUID()}.new`;
}

const PRIVATE = /^\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.new$/;

/** Whether a file has the name of a new file beside the file `name`. */
export function isPrivateName(found: string, name: string): boolean {
  return found.startsWith(name) && PRIVATE.test(found.slice(name.length));
}
