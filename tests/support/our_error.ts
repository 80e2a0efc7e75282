import assert from "node:assert/strict";

/** Messages of the engines' own errors that begin with "Cannot" as well. */
const OF_AN_ENGINE =
  /^Cannot (?:read propert|set propert|convert|destructure|mix|access|create property|use 'in'|perform)/;

/**
 * Checks, for `assert.throws`, that the library threw an error on purpose: of this type, with a
 * message that says what failed.
 */
export function ourError(type: new (message: string) => Error): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof type, `${error} is no ${type.name}`);
    assert.match(error.message, /^Cannot /);
    assert.doesNotMatch(error.message, OF_AN_ENGINE);
    return true;
  };
}
