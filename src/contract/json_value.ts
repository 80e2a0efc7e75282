/** At greater depths the engines run out of stack, each at a different depth. */
const MOST_LEVELS = 1000;
const NAME = /^[A-Za-z_$][\w$]*$/;

/**
 * Throws unless JSON keeps a value unchanged: null, true and false, finite numbers, strings, and
 * arrays without holes and plain objects of such values.
 *
 * @param task The use of the value, for the message: `write "jobs.json"`.
 * @throws {TypeError} Names the value that JSON would change, and its path in the document.
 */
export function checkJson(value: unknown, task: string): void {
  /** The objects that contain the value that is checked. */
  const parents = new Set<object>();
  check(value, "");

  function check(value: unknown, at: string): void {
    const flaw = flawOf(value);
    if (flaw !== undefined) refuse(flaw, at);
    if (typeof value !== "object" || value === null) return;
    if (parents.has(value)) refuse("an object that contains itself", at);
    if (parents.size === MOST_LEVELS) refuse(`more than ${MOST_LEVELS} levels`, "");
    parents.add(value);
    const isArray = Array.isArray(value);
    for (const [name, one] of Object.entries(value)) {
      const key = isArray
        ? `[${name}]`
        : NAME.test(name)
        ? `.${name}`
        : `[${JSON.stringify(name)}]`;
      check(one, at + key);
    }
    parents.delete(value);
  }

  function refuse(flaw: string, at: string): never {
    throw new TypeError(
      `Cannot ${task}: JSON cannot carry ${flaw}${at === "" ? "" : `, at ${at}`}. ` +
        "Leave it out, or make it a string, a number, an array or a plain object",
    );
  }
}

/** Why JSON cannot carry a value, whatever it contains; `undefined` if it can. */
function flawOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : String(value);
    case "undefined":
      return "undefined";
    case "object":
      return value === null ? undefined : flawOfObject(value);
    default:
      return `a ${typeof value}`;
  }
}

function flawOfObject(value: object): string | undefined {
  if (Object.getOwnPropertySymbols(value).length > 0) return "an object with a symbol";
  if (Array.isArray(value)) {
    const isWhole = Object.keys(value).length === value.length;
    return isWhole ? undefined : "an array with holes or with other fields";
  }
  const parent = Object.getPrototypeOf(value) as object | null;
  // A plain object of any realm.
  if (parent === null || Object.getPrototypeOf(parent) === null) return undefined;
  return `an object of the class ${value.constructor?.name || "without a name"}`;
}
