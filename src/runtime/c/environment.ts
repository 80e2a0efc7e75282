import { adapter } from "../adapters/adapter.ts";
import { pathOf, systemBytes } from "../paths/path_bytes.ts";
import { libc } from "./libc.ts";

/**
 * A variable of the environment as a path in the internal form; `undefined` if it is not set, or
 * empty. Needs no permission to read the environment.
 *
 * @throws {UnsupportedError} If the runtime lacks foreign functions or the permission for them.
 */
export function pathVariable(name: string): string | undefined {
  if (adapter.variable !== undefined) return adapter.variable(name) || undefined;
  const address = libc.getenv(systemBytes(name));
  if (address === 0) return undefined;
  const length = libc.strlen(address);
  // SAFETY: the C library keeps the value until the variable is set again; it is copied at once.
  return length === 0
    ? undefined
    : pathOf(new Uint8Array(adapter.bufferAt(address, length)).slice());
}
