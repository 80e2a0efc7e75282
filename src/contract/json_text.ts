/** Thrown for a text that is not JSON. The message has the place, and nothing of the text. */
export class JsonTextError extends Error {
  override readonly name = "JsonTextError";
}

/**
 * Parses JSON, with or without a byte order mark. In place of the engine's message, which may quote
 * the text and so a password, an error has the line and the column, in every runtime.
 *
 * @throws {JsonTextError} If the text is not JSON.
 */
export function parseJson(text: string): unknown {
  const json = text.replace(/^\ufeff/, "");
  try {
    return JSON.parse(json);
  } catch {
    const at = validUpTo(json);
    const before = json.slice(0, at).split("\n");
    const what = at === json.length ? "it ends too early" : "it is not valid JSON";
    throw new JsonTextError(
      `${what}: line ${before.length}, column ${before.at(-1)!.length + 1}`,
    );
  }
}

const SPACE = /[ \t\r\n]*/y;
// deno-lint-ignore no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const SCALAR = new RegExp(
  `${STRING.source}|-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?(?![\\w.])|(?:true|false|null)(?!\\w)`,
  "y",
);

/** The levels to which the place of an error is looked for. */
const MOST_LEVELS = 1000;

/** Returns the offset at which a text stops being the beginning of a JSON document. */
function validUpTo(text: string): number {
  let at = 0;
  let level = 0;
  const take = (token: RegExp): boolean => {
    token.lastIndex = at;
    if (!token.test(text)) return false;
    at = token.lastIndex;
    return true;
  };
  /** Takes a token and the space around it. */
  const has = (token: RegExp) => take(SPACE) && take(token) && take(SPACE);
  const list = (end: RegExp, item: () => boolean): boolean => {
    if (++level > MOST_LEVELS) return false;
    let ended = has(end);
    while (!ended) {
      if (!item()) return false;
      ended = has(end);
      if (!ended && !has(/,/y)) return false;
    }
    level--;
    return true;
  };
  const value = (): boolean => {
    if (has(/\[/y)) return list(/\]/y, value);
    if (has(/\{/y)) return list(/\}/y, () => has(STRING) && has(/:/y) && value());
    return has(SCALAR);
  };
  value();
  return at;
}
