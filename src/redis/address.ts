import { MisconfiguredError } from "./errors.ts";

/**
 * The address of a server as a text. What is wrong with one is told without any part of it: each
 * may be of a password, if that has a character in it that it must not have.
 *
 * @throws {MisconfiguredError} If it is no address of a Redis server.
 */
export function addressIn(given: string | URL): string {
  const address = String(given);
  const why = problemOf(address);
  if (why === undefined) return address;
  throw new MisconfiguredError(
    `Cannot connect by the given address, which is not shown since it may hold a password: ${why}. ` +
      "Give one such as redis://127.0.0.1:6379 or rediss://user:password@host:6380/0, with " +
      "encodeURIComponent(password) if the password has other characters than letters and digits",
  );
}

function problemOf(address: string): string | undefined {
  if (!URL.canParse(address)) return "it is no URL";
  const { protocol, pathname, search, hash, username, password } = new URL(address);
  if (protocol !== "redis:" && protocol !== "rediss:") {
    return "it does not begin with redis:// or rediss://";
  }
  // Else a part of a password would be taken for the port and the rest for the path.
  if (!/^\/?\d*$/.test(pathname)) return "behind the host is something else than a number";
  if (/@/.test(search + hash)) return 'there is an "@" behind the host';
  try {
    decodeURIComponent(username + password);
  } catch {
    return 'there is a "%" without two digits behind it';
  }
  return undefined;
}
