/** What stands before the names of all keys and channels but those that users name themselves. */
export const PREFIX = "interlock";

/**
 * A key or channel of the thing called `name`: `interlock:{jobs}:lock`. All parts of a thing have
 * the same hash tag, so a cluster keeps them in one slot.
 *
 * @throws {TypeError} If the name or the prefix cannot be used.
 */
export function partOf(name: string, part: string, prefix: string = PREFIX): string {
  checkName(name);
  if (typeof prefix !== "string" || prefix.includes("{")) {
    throw new TypeError(
      `Cannot use the prefix ${JSON.stringify(prefix)}: it must be a text without "{"`,
    );
  }
  return `${prefix}:{${name}}:${part}`;
}

/**
 * A key in the same slot as a key that the user named: by the user's own hash tag, or by the whole
 * key as the tag. A key with "}" but without a tag cannot be one; a server that is no cluster does
 * not mind.
 */
export function besideKey(key: string, part: string, prefix: string = PREFIX): string {
  const tag = hashTagOf(key);
  return tag === undefined ? partOf(key, part, prefix) : `${partOf(tag, part, prefix)}@${key}`;
}

/** What is between the first "{" and the next "}", if it is something. */
function hashTagOf(key: string): string | undefined {
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1];
}

/**
 * @throws {TypeError} If no thing can be called that.
 */
function checkName(name: string): void {
  if (typeof name === "string" && name !== "" && !name.startsWith("}")) return;
  throw new TypeError(
    `Cannot use the name ${
      JSON.stringify(name)
    }: it must be a text, not empty, without "}" in front`,
  );
}
