import { MisconfiguredError } from "./errors.ts";

/**
 * Returns the address of a server as a string. The errors show no part of the address: if the
 * password has an unescaped character, any part may belong to the password.
 *
 * @throws {MisconfiguredError} If it is not an address of a Redis server.
 */
export function addressIn(given: string | URL): string {
  const address = String(given);
  const why = problemOf(address);
  if (why === undefined) return address;
  throw new MisconfiguredError(
    `Cannot connect by the given address: ${why}. It is not shown, since it may contain a password. ` +
      "Use one such as redis://127.0.0.1:6379 or rediss://user:password@host:6380/0, with " +
      "encodeURIComponent(password) if the password contains anything but letters and digits",
  );
}

function problemOf(address: string): string | undefined {
  if (!URL.canParse(address)) return "it is not a URL";
  const { protocol, pathname, search, hash, username, password } = new URL(address);
  if (protocol !== "redis:" && protocol !== "rediss:") {
    return "it does not begin with redis:// or rediss://";
  }
  // Otherwise a part of a password could be taken for the port, and the rest for the path.
  if (!/^\/?\d*$/.test(pathname)) return "the path after the host is not a number";
  if (/@/.test(search + hash)) return 'there is an "@" after the host';
  try {
    decodeURIComponent(username + password);
  } catch {
    return 'there is a "%" without two digits after it';
  }
  return undefined;
}
