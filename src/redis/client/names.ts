import { nameOf } from "../../contract/options.ts";

/** The beginning of all keys and channels, except those that users name themselves. */
export const PREFIX = "interlock";

/**
 * A key or channel of the lock or semaphore called `name`: `interlock:{jobs}:lock`. All keys of one
 * name have the same hash tag, so a cluster keeps them in one slot.
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
 * the tag of the user's key, or the whole key if it has none. No two pairs of a key and an
 * operation have the same record, whatever they contain: there is no "{" before the tag, and each
 * text follows its length. A key with "}" but without a tag cannot be used as a tag; only a cluster
 * needs one.
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

/**
 * Checks a prefix of keys.
 *
 * @throws {TypeError} If the prefix cannot be used.
 */
export function checkPrefix(prefix: string): void {
  if (typeof prefix !== "string" || prefix.includes("{")) {
    throw new TypeError(`Cannot use the prefix ${nameOf(prefix)}: it must be a string without "{"`);
  }
  checkText("prefix", prefix);
}

/** The text between the first "{" and the next "}", if it is not empty. */
export function hashTagOf(key: string): string | undefined {
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1];
}

/**
 * Checks the name of a lock or semaphore.
 *
 * @throws {TypeError} If the name cannot be used.
 */
function checkName(name: string): void {
  if (typeof name !== "string" || name === "" || name.startsWith("}")) {
    throw new TypeError(
      `Cannot use the name ${nameOf(name)}: it must be a string that is not empty and does not ` +
        'begin with "}"',
    );
  }
  checkText("name", name);
}

/**
 * Refuses lone surrogates: in UTF-8 all of them become the same character, so two texts would
 * become one.
 *
 * @throws {TypeError} If the text has a lone surrogate.
 */
export function checkText(what: string, text: string): void {
  if (text.isWellFormed()) return;
  throw new TypeError(`Cannot use the ${what} ${JSON.stringify(text)}: it has a lone surrogate`);
}
