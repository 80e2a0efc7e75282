import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter, FileLock, JsonFile, LockLostError } from "../../../mod.ts";
import { ourError } from "../../support/our_error.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

/** An argument of any type: the calls below are wrong on purpose. */
// deno-lint-ignore no-explicit-any
type Any = any;

const VALUES: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  true: true,
  "0.5": 0.5,
  NaN: NaN,
  Infinity: Infinity,
  "-1": -1,
  "2 ** 53": 2 ** 53,
  "an empty string": "",
  "a string": "5",
  "a bigint": 1n,
  "a symbol": Symbol("mine"),
  "an object": {},
  "an array": [],
  "a function": () => {},
};

/** The objects for the calls, and the arguments that are not wrong. */
interface Subject {
  readonly folder: string;
  readonly path: string;
  readonly lock: FileLock;
  readonly counter: FileCounter;
  readonly file: JsonFile<unknown>;
}

interface Call {
  readonly name: string;
  readonly call: (value: Any, subject: Subject) => unknown;
  /** The values that are not wrong here. */
  readonly fine: readonly string[];
}

const OBJECTS = ["an object", "an array"];
const OPTIONS = ["undefined", ...OBJECTS];
const BOOLEANS = ["undefined", "true"];
const TIMEOUTS = ["undefined", "0.5", "Infinity", "2 ** 53"];
const WHOLE = ["-1"];

/** The names of a call as a program sees it, with `x` for the wrong argument. */
const CALLS: readonly Call[] = [
  ...([
    ["FileLock", (path, options) => new FileLock(path, options)],
    ["FileCounter", (path, options) => new FileCounter(path, options)],
    ["JsonFile", (path, options) => new JsonFile(path, options)],
  ] as [string, (path: Any, options?: Any) => Disposable][]).flatMap(([name, make]): Call[] => [
    // A string that is not empty would make a file in the folder of the tests.
    { name: `new ${name}(x)`, call: (x) => make(x), fine: ["a string"] },
    {
      name: `new ${name}(path, x)`,
      call: (x, { path }) => make(path, x),
      fine: OPTIONS,
    },
  ]),
  ...["shared", "reentrant", "record", "replaceable"].map((option): Call => ({
    name: `new FileLock(path, { ${option}: x })`,
    call: (x, { path }) => new FileLock(path, { [option]: x }),
    fine: BOOLEANS,
  })),
  {
    name: "new FileLock(path, { label: x })",
    call: (label, { path }) => new FileLock(path, { label }),
    fine: ["undefined", "an empty string", "a string"],
  },
  {
    name: "new FileLock(path, { range: x })",
    call: (range, { path }) => new FileLock(path, { range }),
    fine: ["undefined"],
  },
  ...["start", "length"].map((field): Call => ({
    name: `new FileLock(path, { range: { ${field}: x } })`,
    call: (x, { path }) => new FileLock(path, { range: { start: 0, length: 1, [field]: x } }),
    fine: [],
  })),
  ...([
    ["acquire", (lock, options) => lock.acquire(options)],
    ["acquireSync", (lock, options) => lock.acquireSync(options)],
    ["tryAcquire", (lock, options) => lock.tryAcquire(options)],
    ["runSync", (lock, options) => lock.runSync(() => {}, options)],
  ] as [string, (lock: FileLock, options: Any) => unknown][]).flatMap(([name, use]): Call[] => [
    { name: `${name}(x)`, call: (x, { lock }) => use(lock, x), fine: OPTIONS },
    {
      name: `${name}({ timeout: x })`,
      call: (timeout, { lock }) => use(lock, { timeout }),
      fine: TIMEOUTS,
    },
    {
      name: `${name}({ signal: x })`,
      call: (signal, { lock }) => use(lock, { signal }),
      fine: ["undefined"],
    },
    {
      name: `${name}({ shared: x })`,
      call: (shared, { lock }) => use(lock, { shared }),
      fine: BOOLEANS,
    },
  ]),
  { name: "runSync(x)", call: (x, { lock }) => lock.runSync(x), fine: ["a function"] },
  ...(["upgrade", "upgradeSync"] as const).map((name): Call => ({
    name: `guard.${name}(x)`,
    call: async (x, { lock }) => {
      using guard = lock.acquireSync({ shared: true });
      try {
        await guard[name](x);
      } catch (error) {
        assert.equal(guard.shared, true, "it is not held any more");
        throw error;
      }
    },
    fine: OPTIONS,
  })),
  ...["editable", "durable"].map((option): Call => ({
    name: `new FileCounter(path, { ${option}: x })`,
    call: (x, { folder }) => new FileCounter(join(folder, "another"), { [option]: x }).close(),
    fine: BOOLEANS,
  })),
  ...(["add", "addSync", "fetchAdd", "fetchAddSync"] as const).map((name): Call => ({
    name: `${name}(x)`,
    call: (x, { counter }) => counter[name](x),
    fine: ["undefined", ...WHOLE],
  })),
  ...([
    "set",
    "setSync",
    "fetchMin",
    "fetchMinSync",
    "fetchMax",
    "fetchMaxSync",
    "exchange",
    "exchangeSync",
  ] as const).map((name): Call => ({
    name: `${name}(x)`,
    call: (x, { counter }) => counter[name](x),
    fine: WHOLE,
  })),
  ...(["compareExchange", "compareExchangeSync"] as const).flatMap((name): Call[] => [
    { name: `${name}(x, 1)`, call: (x, { counter }) => counter[name](x, 1), fine: WHOLE },
    { name: `${name}(1, x)`, call: (x, { counter }) => counter[name](1, x), fine: WHOLE },
  ]),
  ...(["batch", "batchSync"] as const).flatMap((name): Call[] => [
    { name: `${name}(x)`, call: (x, { counter }) => counter[name](x), fine: ["undefined"] },
    {
      name: `${name}().add(x)`,
      call: (x, { counter }) => counter[name]().add(x),
      fine: ["undefined", ...WHOLE],
    },
  ]),
  {
    name: "new JsonFile(path, { durable: x })",
    call: (durable, { path }) => new JsonFile(path, { durable }),
    fine: BOOLEANS,
  },
  {
    name: "new JsonFile(path, { schema: x })",
    call: (schema, { path }) => new JsonFile(path, { schema }),
    fine: ["undefined"],
  },
  {
    name: "new JsonFile(path, { initial: x })",
    call: (initial, { path }) => new JsonFile(path, { initial }),
    fine: [
      "undefined",
      "null",
      "true",
      "0.5",
      "-1",
      "2 ** 53",
      "a string",
      "an empty string",
      ...OBJECTS,
    ],
  },
  ...(["update", "updateSync"] as const).flatMap((name): Call[] => [
    { name: `${name}(x)`, call: (x, { file }) => file[name](x), fine: ["a function"] },
    {
      name: `${name}(change, x)`,
      call: (x, { file }) => file[name](() => ({}), x),
      fine: OPTIONS,
    },
  ]),
  ...(["write", "writeSync"] as const).flatMap((name): Call[] => [
    {
      name: `${name}(x)`,
      call: (x, { file }) => file[name](x),
      fine: [
        "null",
        "true",
        "0.5",
        "-1",
        "2 ** 53",
        "a string",
        "an empty string",
        ...OBJECTS,
      ],
    },
    { name: `${name}({}, x)`, call: (x, { file }) => file[name]({}, x), fine: OPTIONS },
    {
      name: `${name}({}, { timeout: x })`,
      call: (timeout, { file }) => file[name]({}, { timeout }),
      fine: TIMEOUTS,
    },
  ]),
];

/** The error of a call, if it throws or rejects. */
async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    const result = await call();
    // A call with a right argument may have opened or acquired something.
    if (typeof result === "object" && result !== null && Symbol.dispose in result) {
      (result as Disposable)[Symbol.dispose]();
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("A wrong argument", () => {
  for (const { name, call, fine } of CALLS) {
    it(`of ${name} is an error of the library`, () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        using lock = new FileLock(path);
        using counter = new FileCounter(join(folder, "count"));
        using file = new JsonFile<unknown>(join(folder, "document"), { initial: {} });
        const subject: Subject = { folder, path: join(folder, "new"), lock, counter, file };
        for (const [what, value] of Object.entries(VALUES)) {
          if (name.endsWith("(x)") && name.startsWith("new") && fine.includes(what)) continue;
          const error = await errorOf(() => call(value, subject));
          assert.equal(lock.mode, undefined, `${what}: the lock was kept`);
          if (fine.includes(what)) {
            // The function is a right argument, though its result is not a document.
            if (name.startsWith("update")) continue;
            assert.equal(error, undefined, `${what}: ${error}`);
          } else {
            assert.ok(error !== undefined, `${what} was accepted`);
            ourError(error instanceof RangeError ? RangeError : TypeError)(error);
            assert.ok(!(error instanceof LockLostError));
          }
        }
        for (const n of [1, 2 ** 53 - 1]) counter.setSync(n);
        assert.deepEqual(await file.write([]), []);
      }));
  }
});
