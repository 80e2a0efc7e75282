import assert from "node:assert/strict";

/** What engines begin the messages of their own errors with, as far as those begin with "Cannot". */
const OF_AN_ENGINE =
  /^Cannot (?:read propert|set propert|convert|destructure|mix|access|create property|use 'in'|perform)/;

/**
 * Tells, for `assert.throws`, whether an error is one that the library threw on purpose: of this
 * type, with a message that says what could not be done.
 */
export function ourError(type: new (message: string) => Error): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof type, `${error} is no ${type.name}`);
    assert.match(error.message, /^Cannot /);
    assert.doesNotMatch(error.message, OF_AN_ENGINE);
    return true;
  };
}
