/**
 * Which flag is missing if a runtime refused something for lack of a permission; `undefined` for
 * any other error.
 */
export function missingPermission(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { name, code, message, resource } = error as Error & { code?: string; resource?: string };
  if (name === "NotCapable") {
    const [, kind, what] = /^Requires (\w+) access(?: to "(.*)")?, run/s.exec(message) ?? [];
    if (kind === undefined) return undefined;
    return `Deno was started without ${flag(`--allow-${kind}`, what)}. Add that flag`;
  }
  if (code !== "ERR_ACCESS_DENIED") return undefined;
  const [missing] = /--allow-[a-z-]+/.exec(message) ?? [];
  if (missing === undefined) return undefined;
  return `Node was started with --permission and without ${flag(missing, resource)}. Add that flag`;
}

function flag(name: string, value: string | undefined): string {
  return value && name !== "--allow-all" ? `${name}=${value}` : name;
}
