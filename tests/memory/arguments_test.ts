import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  AtomicCounter,
  defineRecord,
  field,
  Flag,
  Memory,
  Mutex,
  RawArray,
  RawRecord,
  RawValue,
  Segment,
  SeqlockRecord,
  SharedArray,
  SharedRecord,
  SharedValue,
  StripedCounter,
} from "../../src/memory/mod.ts";
import { ourError } from "../support/our_error.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

/** A call with an argument of any type; its result may be a promise. */
type Call = (value: never) => unknown;

/** Values of every type that JavaScript has. Each test leaves out those that its argument takes. */
const VALUES: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  true: true,
  "a bigint": 1n,
  "a symbol": Symbol("s"),
  NaN: NaN,
  "-1": -1,
  "0.5": 0.5,
  "2^60": 2 ** 60,
  "an empty string": "",
  "a string": "\0",
  "an object": {},
  "an array": [],
  "an object without a prototype": Object.create(null),
  "a function": () => {},
};

const memory = Memory.anonymous(65536);
const segment = Segment.anonymous(65536);
/** The locks of the things that are tested. */
const mutexes: Mutex[] = [];
const Point = defineRecord({ x: "Int32", name: field.text(8), data: field.bytes(8) });

/** The values among {@linkcode VALUES} that a `Float64` takes. */
const FLOATS = ["NaN", "-1", "0.5", "2^60"];
const OPTIONAL_OBJECT = ["undefined", "an object", "an array", "an object without a prototype"];
/** A plain object without fields changes nothing. */
const NO_FIELDS = ["an object", "an object without a prototype"];

/** By the argument that is tested: the call, and the values that it takes. */
const CALLS: Readonly<Record<string, readonly [call: Call, taken: readonly string[]]>> = {
  "Memory.anonymous": [(n) => Memory.anonymous(n), []],
  "Memory.from": [(handle) => Memory.from(handle), []],
  "Memory.map, path": [(path) => Memory.map(path, 1), []],
  "Segment.open, name": [(name) => Segment.open(name), []],
  "Segment.open, options": [
    (options) => Segment.open("interlock-test-none", options),
    ["undefined", "an object", "an array", "an object without a prototype"],
  ],
  "Segment.open, create": [
    (create) => Segment.open("interlock-test-none", { create }),
    ["undefined", "true"],
  ],
  "Segment.open, mode": [
    (mode) => Segment.open("interlock-test-none", { create: false, mode }),
    ["undefined"],
  ],
  "Segment.open, group": [
    (group) => Segment.open("interlock-test-none", { create: false, group }),
    ["undefined", "a string"], // Which could be the name of a group.
  ],
  "Segment.open, checkStale": [
    (checkStale) => Segment.open("interlock-test-none", { create: false, checkStale }),
    ["undefined", "true"],
  ],
  "Segment.open, directory": [
    (directory) => Segment.open("interlock-test-none", { directory }),
    ["undefined"],
  ],
  "Segment.anonymous": [(size) => Segment.anonymous(size), ["undefined"]],
  "Segment.from": [(handle) => Segment.from(handle), []],
  "Segment.from, memory": [(handle) => Segment.from({ memory: handle }), []],
  "Segment.from, name": [
    (name) => Segment.from({ name, directory: "/tmp", id: "0" }),
    [],
  ],
  "Segment.list": [(options) => Segment.list(options), OPTIONAL_OBJECT],
  "Segment.list, directory": [(directory) => Segment.list({ directory }), ["undefined"]],
  "Segment.remove, name": [(name) => Segment.remove(name), []],
  "Segment.remove, options": [
    (options) => Segment.remove("interlock-test-none", options),
    OPTIONAL_OBJECT,
  ],
  "segment.removeName": [(name) => segment.removeName(name), []],
  "segment.mutex, name": [(name) => segment.mutex(name), []],
  "segment.mutex, options": [(options) => segment.mutex("m", options), OPTIONAL_OBJECT],
  "segment.mutex, onOwnerDied": [
    (onOwnerDied) => segment.mutex("m", { onOwnerDied }),
    ["undefined"],
  ],
  "segment.counter": [(name) => segment.counter(name), []],
  "segment.stripedCounter, name": [(name) => segment.stripedCounter(name, 2), []],
  "segment.stripedCounter, stripes": [(stripes) => segment.stripedCounter("s", stripes), []],
  "segment.value, name": [(name) => segment.value(name), []],
  "segment.value, type": [(type) => segment.value("v", type), ["undefined"]],
  "segment.rawValue, name": [(name) => segment.rawValue(name), []],
  "segment.rawValue, type": [(type) => segment.rawValue("r", type), ["undefined"]],
  "segment.array, name": [(name) => segment.array(name, 2), []],
  "segment.array, length": [(length) => segment.array("a", length), []],
  "segment.array, type": [(type) => segment.array("a", 2, type), ["undefined"]],
  "segment.rawArray, name": [(name) => segment.rawArray(name, 2), []],
  "segment.rawArray, length": [(length) => segment.rawArray("ra", length), []],
  "segment.rawArray, type": [(type) => segment.rawArray("ra", 2, type), ["undefined"]],
  "segment.record, name": [(name) => segment.record(name, Point), []],
  "segment.record, description": [(description) => segment.record("p", description), []],
  "segment.seqlockRecord, name": [(name) => segment.seqlockRecord(name, Point), []],
  "segment.seqlockRecord, description": [
    (description) => segment.seqlockRecord("q", description),
    [],
  ],
  "segment.flag": [(name) => segment.flag(name), []],
  "defineRecord": [(fields) => defineRecord(fields), []],
  "defineRecord, type": [(type) => defineRecord({ a: type }), []],
  "field.text": [(size) => field.text(size), []],
  "field.bytes": [(size) => field.bytes(size), []],
  "Mutex, options": [(options) => new Mutex(memory, 0, options), OPTIONAL_OBJECT],
  "StripedCounter, stripes": [(stripes) => new StripedCounter(memory, 0, stripes), []],
  "StripedCounter, stripe": [(stripe) => new StripedCounter(memory, 0, 2, stripe), ["undefined"]],
  "StripedCounter.bytes": [(stripes) => StripedCounter.bytes(stripes), ["2^60"]],
  "RawArray.bytes, length": [(length) => RawArray.bytes(length), ["2^60"]],
  "RawArray.bytes, type": [(type) => RawArray.bytes(1, type), ["undefined"]],
  "RawArray, length": [(length) => new RawArray(memory, 0, length), []],
  "RawArray, type": [(type) => new RawArray(memory, 0, 2, type), ["undefined"]],
  "RawRecord.bytes": [(description) => RawRecord.bytes(description), []],
  "RawRecord, description": [(description) => new RawRecord(memory, 0, description), []],
  "RawValue, type": [(type) => new RawValue(memory, 0, type), ["undefined"]],
  "SharedArray.bytes": [(length) => SharedArray.bytes(length), ["2^60"]],
  "SharedArray, length": [(length) => new SharedArray(memory, 0, length), []],
  "SharedRecord.bytes": [(description) => SharedRecord.bytes(description), []],
  "SharedRecord, description": [(description) => new SharedRecord(memory, 0, description), []],
  "SeqlockRecord, description": [(description) => new SeqlockRecord(memory, 0, description), []],
  "SharedValue, type": [(type) => new SharedValue(memory, 0, type), ["undefined"]],
  ...ofCounters(),
  ...ofLocks(),
  ...ofValues(),
};

function ofCounters(): Record<string, [Call, string[]]> {
  const counter = new AtomicCounter(memory, 1024);
  const striped = new StripedCounter(memory, 2048, 2);
  return {
    "counter.add": [(n) => counter.add(n), ["undefined", "-1"]],
    "counter.fetchAdd": [(n) => counter.fetchAdd(n), ["undefined", "-1"]],
    "counter.fetchMin": [(n) => counter.fetchMin(n), ["-1"]],
    "counter.fetchMax": [(n) => counter.fetchMax(n), ["-1"]],
    "counter.set": [(n) => counter.set(n), ["-1"]],
    "counter.exchange": [(n) => counter.exchange(n), ["-1"]],
    "counter.compareExchange": [(n) => counter.compareExchange(n, 1), ["-1"]],
    "counter.compareExchange, value": [(n) => counter.compareExchange(1, n), ["-1"]],
    "striped.add": [(n) => striped.add(n), ["undefined", "-1"]],
  };
}

function ofLocks(): Record<string, [Call, string[]]> {
  const mutex = new Mutex(memory, 4096);
  const flag = new Flag(memory, 4352);
  mutexes.push(mutex);
  flag.set();
  const released = (guard: { release(): void } | undefined) => guard?.release();
  return {
    "mutex.tryAcquire": [(options) => released(mutex.tryAcquire(options)), OPTIONAL_OBJECT],
    "mutex.tryAcquire, recover": [
      (recover) => released(mutex.tryAcquire({ recover })),
      ["undefined", "true"],
    ],
    "mutex.acquireSync": [(options) => released(mutex.acquireSync(options)), OPTIONAL_OBJECT],
    "mutex.acquireSync, timeout": [
      (timeout) => released(mutex.acquireSync({ timeout })),
      ["undefined", "0.5", "2^60"],
    ],
    "mutex.acquireSync, signal": [
      (signal) => released(mutex.acquireSync({ signal })),
      ["undefined"],
    ],
    "mutex.acquireSync, recover": [
      (recover) => released(mutex.acquireSync({ recover })),
      ["undefined", "true"],
    ],
    "mutex.acquire": [async (options) => released(await mutex.acquire(options)), OPTIONAL_OBJECT],
    "mutex.acquire, signal": [
      async (signal) => released(await mutex.acquire({ signal })),
      ["undefined"],
    ],
    "mutex.runSync": [(body) => mutex.runSync(body), ["a function"]],
    "mutex.runSync, options": [(options) => mutex.runSync(() => {}, options), OPTIONAL_OBJECT],
    "flag.wait": [(options) => flag.wait(options), OPTIONAL_OBJECT],
    "flag.wait, signal": [(signal) => flag.wait({ signal }), ["undefined"]],
    "flag.waitSync": [(options) => flag.waitSync(options), OPTIONAL_OBJECT],
    "flag.waitSync, timeout": [
      (timeout) => flag.waitSync({ timeout }),
      ["undefined", "0.5", "2^60"],
    ],
  };
}

function ofValues(): Record<string, [Call, string[]]> {
  const calls: Record<string, [Call, string[]]> = {};
  const types = { Int32: ["-1"], Uint8: [], Float64: FLOATS, BigInt64: ["a bigint"] } as const;
  let offset = 8192;
  for (const [type, taken] of Object.entries(types) as ["Int32", string[]][]) {
    const raw = new RawValue(memory, offset, type);
    const shared = new SharedValue(memory, offset += 256, type);
    const array = new RawArray(memory, offset += 512, 4, type);
    const locked = new SharedArray(memory, offset += 256, 4, type);
    offset += 512;
    mutexes.push(shared.mutex, locked.mutex);
    calls[`raw value of ${type}`] = [(value) => raw.value = value, taken];
    calls[`value of ${type}`] = [(value) => shared.value = value, taken];
    calls[`value.update of ${type}`] = [(change) => shared.update(change), []];
    calls[`value.update to ${type}`] = [(value) => shared.update(() => value), taken];
    calls[`rawArray.get of ${type}`] = [(index) => array.get(index), []];
    calls[`rawArray.set of ${type}, index`] = [(index) => array.set(index, raw.value), []];
    calls[`rawArray.set of ${type}, value`] = [(value) => array.set(0, value), taken];
    calls[`array.get of ${type}`] = [(index) => locked.get(index), []];
    calls[`array.set of ${type}`] = [(index) => locked.set(index, raw.value), []];
    calls[`array.set of ${type}, value`] = [(value) => locked.set(0, value), taken];
    calls[`array.update of ${type}, index`] = [
      (index) => locked.update(index, (value) => value),
      [],
    ];
    calls[`array.update of ${type}`] = [(change) => locked.update(0, change), []];
  }
  const bare = new RawRecord(memory, 32768, Point);
  const shared = new SharedRecord(memory, 33280, Point);
  mutexes.push(shared.mutex);
  calls["rawRecord.write"] = [(value) => bare.write(value), NO_FIELDS];
  calls["rawRecord.write, number"] = [(x) => bare.write({ x }), ["-1"]];
  calls["rawRecord.write, text"] = [(name) => bare.write({ name }), [
    "an empty string",
    "a string",
  ]];
  calls["rawRecord.write, bytes"] = [(data) => bare.write({ data }), []];
  calls["record.write"] = [(value) => shared.write(value), NO_FIELDS];
  calls["record.update"] = [(change) => shared.update(change), []];
  calls["record.update, result"] = [(value) => shared.update(() => value), NO_FIELDS];
  return calls;
}

/** The things that a program places in a memory. */
const PLACED: Readonly<Record<string, (memory: Memory, offset: number) => unknown>> = {
  AtomicCounter: (memory, offset) => new AtomicCounter(memory, offset),
  Flag: (memory, offset) => new Flag(memory, offset),
  Mutex: (memory, offset) => new Mutex(memory, offset),
  RawArray: (memory, offset) => new RawArray(memory, offset, 2),
  RawRecord: (memory, offset) => new RawRecord(memory, offset, Point),
  RawValue: (memory, offset) => new RawValue(memory, offset),
  SeqlockRecord: (memory, offset) => new SeqlockRecord(memory, offset, Point),
  SharedArray: (memory, offset) => new SharedArray(memory, offset, 2),
  SharedRecord: (memory, offset) => new SharedRecord(memory, offset, Point),
  SharedValue: (memory, offset) => new SharedValue(memory, offset),
  StripedCounter: (memory, offset) => new StripedCounter(memory, offset, 2),
};

/** Checks that a call throws, or rejects with, an error of the library. */
async function assertRefused(call: Call, value: unknown, title: string): Promise<void> {
  await assert.rejects(
    async () => await call(value as never),
    (error: unknown) => {
      assert.ok(error instanceof TypeError || error instanceof RangeError, `${title}: ${error}`);
      return ourError(Error)(error);
    },
    title,
  );
}

describe("A wrong argument gives a TypeError or RangeError of the library:", () => {
  for (const [what, [call, taken]] of Object.entries(CALLS)) {
    it(what, async () => {
      for (const name of taken) assert.ok(name in VALUES, name);
      for (const [name, value] of Object.entries(VALUES)) {
        if (!taken.includes(name)) await assertRefused(call, value, `${what}: ${name}`);
      }
    });
  }

  for (const [kind, place] of Object.entries(PLACED)) {
    it(`${kind}, memory and offset`, async () => {
      for (const [name, value] of Object.entries(VALUES)) {
        await assertRefused((memory) => place(memory, 0), value, `${kind} in ${name}`);
        await assertRefused((offset) => place(memory, offset), value, `${kind} at ${name}`);
      }
      await assertRefused((other) => place(other, 0), segment, `${kind} in a segment`);
    });
  }

  it("Segment.open, size", () =>
    inScratchFolder(async (directory) => {
      for (const [name, size] of Object.entries(VALUES)) {
        if (name === "undefined") continue;
        await assertRefused((size) => Segment.open("s", { size, directory }), size, name);
        await assertRefused((maxSize) => Segment.open("s", { maxSize, directory }), size, name);
      }
      assert.deepEqual(Segment.list({ directory }), []);
    }));

  it("Memory.map, size and options", () =>
    inScratchFolder(async (folder) => {
      for (const [name, value] of Object.entries(VALUES)) {
        await assertRefused(
          (size) => Memory.map(`${folder}/m`, size, { create: "exclusive" }),
          value,
          name,
        );
        if (name === "undefined") continue;
        for (const option of ["create", "mode", "group"]) {
          if (option === "create" && typeof value === "boolean") continue;
          if (option === "group" && name === "a string") continue;
          const open = (value: never) => Memory.map(`${folder}/m`, 1, { [option]: value });
          await assertRefused(open, value, name);
        }
      }
      assert.deepEqual(Segment.list({ directory: folder }), []);
    }));

  it("and leaves every lock free", () => {
    for (const mutex of mutexes) assert.equal(mutex.owner(), undefined);
  });
});
