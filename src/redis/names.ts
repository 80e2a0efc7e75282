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
  checkPrefix(prefix);
  return `${prefix}:{${name}}:${part}`;
}

/**
 * The key in which an operation on a key of the user's is remembered, in the same slot: by that
 * key's own hash tag, or by the whole key as the tag. No two pairs of a key and an operation have
 * the same one, whatever is in them: there is no "{" before the tag, and each text stands behind its
 * length. A key with "}" but without a tag cannot be a tag; a server that is no cluster does not
 * mind.
 *
 * @throws {TypeError} If the key, the operation or the prefix cannot be used.
 */
export function operationKey(key: string, operation: string, prefix: string = PREFIX): string {
  const tag = hashTagOf(key) ?? key;
  checkName(tag);
  checkText("key", key);
  checkText("operation", operation);
  checkPrefix(prefix);
  return `${prefix}:operation:${tag.length}:{${tag}}:${key.length}:${key}:${operation}`;
}

/** @throws {TypeError} If the prefix cannot be used. */
function checkPrefix(prefix: string): void {
  if (typeof prefix !== "string" || prefix.includes("{")) {
    throw new TypeError(
      `Cannot use the prefix ${JSON.stringify(prefix)}: it must be a text without "{"`,
    );
  }
  checkText("prefix", prefix);
}

/** What is between the first "{" and the next "}", if it is something. */
function hashTagOf(key: string): string | undefined {
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1];
}

/**
 * @throws {TypeError} If no thing can be called that.
 */
function checkName(name: string): void {
  if (typeof name !== "string" || name === "" || name.startsWith("}")) {
    throw new TypeError(
      `Cannot use the name ${
        JSON.stringify(name)
      }: it must be a text, not empty, without "}" in front`,
    );
  }
  checkText("name", name);
}

/**
 * On its way to the server, each half of a pair of surrogates becomes the same character, and two
 * texts become one.
 *
 * @throws {TypeError} If the text has such a half.
 */
export function checkText(what: string, text: string): void {
  if (text.isWellFormed()) return;
  throw new TypeError(`Cannot use the ${what} ${JSON.stringify(text)}: it has half a character`);
}
