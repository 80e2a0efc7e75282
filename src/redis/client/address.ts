import { MisconfiguredError } from "./errors.ts";

/** The address of a server, as options of node-redis. */
export interface Address {
  readonly url?: string;
  readonly socket?: { readonly path: string; readonly tls: false };
  readonly username?: string;
  readonly password?: string;
  readonly database?: number;
}

/** `unix://user:password@/path?db=1`, which is no URL if it has a password. */
const UNIX = /^unix:\/\/(?:([^:@/?#]*)(?::([^:@/?#]*))?@)?(\/[^@?#]+)(?:\?db=(\d+))?$/;

/**
 * Returns the address of a server as options of node-redis. The errors show no part of the address:
 * if the password has an unescaped character, any part may belong to the password.
 *
 * @throws {MisconfiguredError} If it is not an address of a Redis server.
 */
export function addressIn(given: string | URL): Address {
  const address = String(given).replace(/^valkey(s?):/i, "redis$1:");
  const why = problemOf(address);
  if (why !== undefined) {
    throw new MisconfiguredError(
      `Cannot connect by the given address: ${why}. It is not shown, since it may contain a ` +
        "password. Use one such as redis://127.0.0.1:6379, rediss://user:password@host:6380/0 or " +
        "unix:///run/redis.sock, with encodeURIComponent(password) if the password contains " +
        "anything but letters and digits",
    );
  }
  const [, username, password, path, db] = UNIX.exec(address) ?? [];
  if (path === undefined) return { url: address };
  return {
    socket: { path: decodeURIComponent(path), tls: false },
    ...username && { username: decodeURIComponent(username) },
    ...password && { password: decodeURIComponent(password) },
    ...db && { database: Number(db) },
  };
}

function problemOf(address: string): string | undefined {
  if (/^unix:/i.test(address)) {
    if (!UNIX.test(address)) return "after unix:// there is no path such as /run/redis.sock";
    return isEscaped(address) ? undefined : BAD_ESCAPE;
  }
  if (!URL.canParse(address)) return "it is not a URL";
  const { protocol, pathname, search, hash, username, password } = new URL(address);
  if (protocol !== "redis:" && protocol !== "rediss:") {
    return "it does not begin with redis://, rediss://, valkey://, valkeys:// or unix://";
  }
  // Otherwise a part of a password could be taken for the port, and the rest for the path.
  if (!/^\/?\d*$/.test(pathname)) return "the path after the host is not a number";
  if (/@/.test(search + hash)) return 'there is an "@" after the host';
  return isEscaped(username + password) ? undefined : BAD_ESCAPE;
}

const BAD_ESCAPE = 'there is a "%" without two digits after it';

function isEscaped(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
