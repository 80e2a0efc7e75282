import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  adapterOf,
  MisconfiguredError,
  type RedisAdapter,
  RedisCounter,
  RedisLock,
  RedisRateLimiter,
  RedisSemaphore,
  type Reply,
  Script,
} from "../../../src/redis/mod.ts";

// deno-lint-ignore no-explicit-any -- Each call of this file is one that the types refuse.
type Anything = any;

const SECRET = "s3cret";
const ADDRESS = `redis://user:${SECRET}@127.0.0.1:1`;

/** Values of every kind, by their names. */
const VALUES: Readonly<Record<string, unknown>> = {
  "undefined": undefined,
  "null": null,
  "1n": 1n,
  "a symbol": Symbol("x"),
  "NaN": NaN,
  "-1": -1,
  "0.5": 0.5,
  '""': "",
  '"text"': "text",
  "a lone surrogate": "\ud800",
  "true": true,
  "{}": {},
  "an object without a prototype": Object.create(null),
  "an array": [],
  "a function": () => {},
  "Infinity": Infinity,
};

/** Texts of engines' messages that ours do not contain. */
const OF_AN_ENGINE =
  /Cannot (?:read|convert|destructure|mix|use 'in')|is not (?:a function|iterable|an object)|undefined is not|not a valid|ERR_INVALID|BigInt|deserialize|serialize/;

/** Checks that the library threw the error on purpose. */
function isOurs(error: unknown): true {
  const ok = error instanceof TypeError || error instanceof RangeError ||
    error instanceof MisconfiguredError;
  assert.ok(ok, `${error}`);
  assert.match(error.message, /^Cannot /);
  assert.doesNotMatch(error.message, OF_AN_ENGINE);
  assert.doesNotMatch(`${error.message} ${error.stack}`, new RegExp(SECRET));
  return true;
}

/** An adapter whose server refuses each command. */
const SILENT: RedisAdapter = {
  send: (command): Promise<Reply> => Promise.reject(new Error(`ERR sent ${command}`)),
  subscribe: () => Promise.reject(new Error("ERR subscribed")),
  close: () => Promise.resolve(),
};

/** A function that is called with each value, and the names of the values that are right. */
interface Call {
  readonly call: (value: Anything) => unknown;
  readonly right?: readonly string[];
}

const counter = () => new RedisCounter(SILENT, "n") as Anything;
const lock = () => new RedisLock(SILENT, "n") as Anything;
const semaphore = () => new RedisSemaphore(SILENT, "n", 2) as Anything;
const RATE = { limit: 9, interval: 9 };
const limiter = () => new RedisRateLimiter(SILENT, "n", RATE) as Anything;
const script = () => new Script("return 1") as Anything;
const OBJECTS = ["{}", "an object without a prototype", "an array"];
const NUMBER = ["-1"];

const optionsOf = (
  create: (options: Anything) => unknown,
  names: Readonly<Record<string, readonly string[]>>,
): Record<string, Call> =>
  Object.fromEntries(
    Object.entries(names).map(([name, right]) => [
      name,
      { call: (value: unknown) => create({ [name]: value }), right: ["undefined", ...right] },
    ]),
  );
const titled = (title: string, calls: Record<string, Call>): Record<string, Call> =>
  Object.fromEntries(Object.entries(calls).map(([name, call]) => [`${title} ${name}`, call]));

const TEXTS = ['"text"'];
const CALLS: Readonly<Record<string, Call>> = {
  "adapterOf(source)": { call: (value) => adapterOf(value) },
  "adapterOf(options)": {
    call: (value) => adapterOf(SILENT, value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "adapterOf,",
    optionsOf((options) => adapterOf(ADDRESS, options), {
      commandTimeout: ["0.5"],
    }),
  ),
  "adapter.send(command)": {
    call: (value) => adapterOf(SILENT).send(value),
    right: ['""', '"text"', "a lone surrogate"],
  },
  "adapter.send(argument)": {
    call: (value) => adapterOf(SILENT).send("GET", value),
    right: ['""', '"text"', "a lone surrogate"],
  },
  "adapter.subscribe(channel)": {
    call: (value) => adapterOf(SILENT).subscribe(value, () => {}),
    right: ['""', '"text"', "a lone surrogate"],
  },
  "adapter.subscribe(listener)": {
    call: (value) => adapterOf(SILENT).subscribe("channel", value),
    right: ["a function"],
  },

  "new Script(source)": {
    call: (value) => new Script(value),
    right: ['""', '"text"', "a lone surrogate"],
  },
  "new Script(without)": {
    call: (value) => new Script("return 1", value),
    right: ["undefined", "a function"],
  },
  "script.run(adapter)": { call: (value) => script().run(value, [], []) },
  "script.run(keys)": { call: (value) => script().run(SILENT, value, []), right: ["an array"] },
  "script.run(args)": { call: (value) => script().run(SILENT, [], value), right: ["an array"] },
  "script.run([key])": {
    call: (value) => script().run(SILENT, [value], []),
    right: ['""', '"text"', "a lone surrogate"],
  },

  "new RedisCounter(source)": { call: (value) => new RedisCounter(value, "n") },
  "new RedisCounter(key)": { call: (value) => new RedisCounter(SILENT, value), right: TEXTS },
  "new RedisCounter(options)": {
    call: (value) => new RedisCounter(SILENT, "n", value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "new RedisCounter,",
    optionsOf((options) => new RedisCounter(SILENT, "n", options), {
      min: NUMBER,
      max: NUMBER,
      expireAfter: [],
      rememberFor: [],
      prefix: ['""', '"text"'],
      commandTimeout: ["0.5"],
    }),
  ),
  "counter.add(n)": { call: (value) => counter().add(value), right: ["undefined", "-1"] },
  "counter.add(options)": {
    call: (value) => counter().add(1, value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "counter.add,",
    optionsOf((options) => counter().add(1, options), {
      operation: TEXTS,
      retryFor: ["0.5", "Infinity"],
    }),
  ),
  "counter.fetchAdd(n)": { call: (value) => counter().fetchAdd(value), right: ["undefined", "-1"] },
  "counter.fetchAdd(options)": {
    call: (value) => counter().fetchAdd(1, value),
    right: ["undefined", ...OBJECTS],
  },
  "counter.set(n)": { call: (value) => counter().set(value), right: NUMBER },
  "counter.fetchMin(n)": { call: (value) => counter().fetchMin(value), right: NUMBER },
  "counter.fetchMax(n)": { call: (value) => counter().fetchMax(value), right: NUMBER },
  "counter.exchange(n)": { call: (value) => counter().exchange(value), right: NUMBER },
  "counter.compareExchange(expected)": {
    call: (value) => counter().compareExchange(value, 1),
    right: NUMBER,
  },
  "counter.compareExchange(value)": {
    call: (value) => counter().compareExchange(1, value),
    right: NUMBER,
  },
  "counter.coalesced(options)": {
    call: (value) => counter().coalesced(value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "counter.coalesced,",
    optionsOf((options) => counter().coalesced(options), {
      flushEvery: ["0.5"],
      onError: ["a function"],
    }),
  ),
  "coalesced.add(n)": {
    async call(value) {
      const collected = counter().coalesced({ flushEvery: 60_000 });
      collected.add(value);
      collected.add(-collected.pending);
      await collected.close();
      throw new Error("added");
    },
    right: ["undefined", "-1"],
  },

  "new RedisLock(source)": { call: (value) => new RedisLock(value, "n") },
  "new RedisLock([source])": { call: (value) => new RedisLock([value], "n") },
  "new RedisLock(name)": { call: (value) => new RedisLock(SILENT, value), right: TEXTS },
  "new RedisLock(options)": {
    call: (value) => new RedisLock(SILENT, "n", value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "new RedisLock,",
    optionsOf((options) => new RedisLock(SILENT, "n", options), {
      leaseTime: [],
      maxHold: ["Infinity"],
      shared: ["true"],
      reentrant: ["true"],
      fair: ["true"],
      localHandOff: ["true", ...OBJECTS],
      replicas: [],
      restartGuard: ["true"],
      label: ['""', '"text"', "a lone surrogate"],
      commandTimeout: ["0.5"],
    }),
  ),
  ...titled(
    "new RedisLock, localHandOff",
    optionsOf(
      (localHandOff) => new RedisLock(SILENT, "n", { localHandOff }),
      { holds: [], time: ["0.5", "Infinity"] },
    ),
  ),
  ...titled("new RedisLock, replicas", {
    count: { call: (count) => new RedisLock(SILENT, "n", { replicas: { count, timeout: 1 } }) },
    timeout: { call: (timeout) => new RedisLock(SILENT, "n", { replicas: { count: 1, timeout } }) },
  }),
  "lock.acquire(options)": {
    call: (value) => lock().acquire(value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "lock.acquire,",
    optionsOf((options) => lock().acquire(options), {
      timeout: ["0.5", "Infinity"],
      signal: [],
      shared: ["true"],
    }),
  ),
  "lock.tryAcquire(options)": {
    call: (value) => lock().tryAcquire(value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "lock.tryAcquire,",
    optionsOf((options) => lock().tryAcquire(options), {
      shared: ["true"],
    }),
  ),

  "new RedisSemaphore(source)": { call: (value) => new RedisSemaphore(value, "n", 1) },
  "new RedisSemaphore(name)": {
    call: (value) => new RedisSemaphore(SILENT, value, 1),
    right: TEXTS,
  },
  "new RedisSemaphore(permits)": { call: (value) => new RedisSemaphore(SILENT, "n", value) },
  "new RedisSemaphore(options)": {
    call: (value) => new RedisSemaphore(SILENT, "n", 1, value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "new RedisSemaphore,",
    optionsOf(
      (options) => new RedisSemaphore(SILENT, "n", 1, options),
      {
        leaseTime: [],
        maxHold: ["Infinity"],
        fair: ["true"],
        label: ['""', '"text"', "a lone surrogate"],
        commandTimeout: ["0.5"],
      },
    ),
  ),
  "semaphore.acquire(options)": {
    call: (value) => semaphore().acquire(value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "semaphore.acquire,",
    optionsOf((options) => semaphore().acquire(options), {
      timeout: ["0.5", "Infinity"],
      signal: [],
      permits: [],
    }),
  ),
  "semaphore.tryAcquire(options)": {
    call: (value) => semaphore().tryAcquire(value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "semaphore.tryAcquire,",
    optionsOf((options) => semaphore().tryAcquire(options), {
      permits: [],
    }),
  ),

  "new RedisRateLimiter(source)": { call: (value) => new RedisRateLimiter(value, "n", RATE) },
  "new RedisRateLimiter(name)": {
    call: (value) => new RedisRateLimiter(SILENT, value, RATE),
    right: TEXTS,
  },
  "new RedisRateLimiter(options)": { call: (value) => new RedisRateLimiter(SILENT, "n", value) },
  ...titled(
    "new RedisRateLimiter,",
    optionsOf(
      (options) => new RedisRateLimiter(SILENT, "n", { ...RATE, ...options }),
      { burst: [], commandTimeout: ["0.5"] },
    ),
  ),
  "new RedisRateLimiter(limit)": {
    call: (limit) => new RedisRateLimiter(SILENT, "n", { ...RATE, limit }),
  },
  "new RedisRateLimiter(interval)": {
    call: (interval) => new RedisRateLimiter(SILENT, "n", { ...RATE, interval }),
  },
  "limiter.acquire(options)": {
    call: (value) => limiter().acquire(value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "limiter.acquire,",
    optionsOf((options) => limiter().acquire(options), {
      timeout: ["0.5", "Infinity"],
      signal: [],
      permits: [],
      key: ['""', '"text"'],
    }),
  ),
  "limiter.tryAcquire(options)": {
    call: (value) => limiter().tryAcquire(value),
    right: ["undefined", ...OBJECTS],
  },
  ...titled(
    "limiter.tryAcquire,",
    optionsOf((options) => limiter().tryAcquire(options), { permits: [], key: ['""', '"text"'] }),
  ),
};

describe("a wrong argument is refused:", () => {
  for (const [title, { call, right = [] }] of Object.entries(CALLS)) {
    it(title, async () => {
      for (const [name, value] of Object.entries(VALUES)) {
        if (right.includes(name)) continue;
        await assert.rejects(async () => await call(value), (error) => {
          try {
            return isOurs(error);
          } catch (wrong) {
            throw new Error(`by ${name}: ${(wrong as Error).message}`, { cause: error });
          }
        }, name);
      }
    });

    it(`${title}, but not a right one`, async () => {
      for (const name of right) {
        try {
          await call(VALUES[name]);
        } catch (error) {
          assert.match(`${error}`, /sent|subscribed|added/, name);
        }
      }
    });
  }
});
