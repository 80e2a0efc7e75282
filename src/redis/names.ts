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
 * The key of the record of an operation on a user's key. It is in the same slot: its hash tag is
 * the tag of the user's key, or else the whole key. No two pairs of a key and an operation have the
 * same record, whatever they contain: there is no "{" before the tag, and each text follows its
 * length. A key with "}" but without a tag cannot be used as a tag; only a cluster needs one.
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
      }: it must be a text that is not empty and does not begin with "}"`,
    );
  }
  checkText("name", name);
}

/**
 * Refuses lone surrogates: UTF-8 has only one replacement for them all, so two texts would become
 * one.
 *
 * @throws {TypeError} If the text has a lone surrogate.
 */
export function checkText(what: string, text: string): void {
  if (text.isWellFormed()) return;
  throw new TypeError(`Cannot use the ${what} ${JSON.stringify(text)}: it has a lone surrogate`);
}
