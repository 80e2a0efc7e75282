import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { COUNTER } from "../../../src/redis/counter/counter_scripts.ts";
import {
  adapterOf,
  MisconfiguredError,
  type RedisAdapter,
  RedisCounter,
  type RedisCounterOptions,
  RefusedError,
} from "../../../src/redis/mod.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { CLIENTS, type TestClient } from "../clients.ts";

const EDGE = Number.MAX_SAFE_INTEGER;

for (const [name, connect] of Object.entries(CLIENTS)) {
  describe(`RedisCounter by ${name}`, { skip }, () => {
    let server: RedisServer;
    let client: TestClient;
    let adapter: RedisAdapter;
    before(async () => {
      server = await RedisServer.start();
      client = await connect(server.url);
      adapter = adapterOf(client.source);
    });
    beforeEach(() => adapter.send("FLUSHALL"));
    after(async () => {
      await adapter.close();
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    });

    const counterOf = (options?: RedisCounterOptions, key = "n") =>
      new RedisCounter(client.source, key, options);
    const stored = (key = "n") => adapter.send("GET", key);

    it("adds, and returns the value after it", async () => {
      await using counter = counterOf();
      assert.equal(await counter.get(), 0);
      assert.equal(await counter.add(), 1);
      assert.equal(await counter.add(5), 6);
      assert.equal(await counter.add(-10), -4);
      assert.equal(await counter.add(0), -4);
      assert.equal(await counter.get(), -4);
      assert.equal(await stored(), "-4");
    });

    it("gives each of several adds its own value, by one command", async () => {
      await using counter = counterOf();
      const own = [1, 2, -5, 7, 0, 3];
      const commands = async () => {
        const info = String(await adapter.send("INFO", "commandstats"));
        return /^cmdstat_incrby:calls=(\d+)/m.exec(info)?.[1] ?? "0";
      };
      await counter.add(0);
      await adapter.send("CONFIG", "RESETSTAT");
      const values = await Promise.all(own.map((n) => counter.add(n)));
      assert.deepEqual(values, [1, 3, -2, 5, 5, 8]);
      assert.equal(await commands(), "1");
    });

    it("is exact with many clients", async () => {
      const counters = Array.from({ length: 16 }, () => counterOf());
      const seen = new Set<number>();
      await Promise.all(counters.map(async (counter) => {
        for (let i = 0; i < 25; i++) {
          const pair = await Promise.all([counter.add(), counter.add()]);
          for (const value of pair) seen.add(value);
        }
      }));
      assert.equal(seen.size, 16 * 50);
      assert.equal(Math.max(...seen), 16 * 50);
      assert.equal(await counters[0].get(), 16 * 50);
      await Promise.all(counters.map((counter) => counter.close()));
    });

    it("fetches the value before an add", async () => {
      await using counter = counterOf();
      assert.equal(await counter.fetchAdd(), 0);
      assert.equal(await counter.fetchAdd(5), 1);
      assert.equal(await counter.fetchAdd(-10), 6);
      assert.equal(await counter.fetchAdd(0), -4);
      assert.equal(await stored(), "-4");
      const mixed = [
        counter.add(1),
        counter.fetchAdd(2),
        counter.add(3),
        counter.fetchAdd(-7),
        counter.fetchAdd(1),
      ];
      assert.deepEqual(await Promise.all(mixed), [-3, -3, 2, 2, -5]);
      assert.equal(await counter.fetchAdd(5, { operation: "a" }), -4);
      await counter.add(100);
      assert.equal(await counter.fetchAdd(5, { operation: "a" }), -4, "it counts once");
      assert.equal(await counter.add(5, { operation: "a" }), 1);
      assert.equal(await counter.get(), 101);
      assert.equal(await counter.fetchAdd(1, {}), 101);
      await using bounded = counterOf({ min: 0, max: 10 }, "bounded");
      assert.equal(await bounded.fetchAdd(10), 0);
      await assert.rejects(bounded.fetchAdd(1), RangeError);
      assert.equal(await bounded.fetchAdd(-10), 10);
    });

    it("fetches exact values only", async () => {
      await using counter = counterOf();
      const beyond = "9007199254740993"; // Another program has set it.
      for (const options of [undefined, { operation: "far" }]) {
        await adapter.send("SET", "n", beyond);
        await assert.rejects(counter.fetchAdd(-100, options), RangeError);
        assert.equal(await stored(), beyond);
        await counter.set(0);
        await counter.add(); // It is near, so the next add is a plain command.
      }
      await adapter.send("SET", "n", beyond);
      assert.equal(await counter.add(-100), 9007199254740893);
      assert.equal(await counter.fetchAdd(98), 9007199254740893);
      assert.equal(await counter.fetchAdd(0), EDGE);
      assert.equal(await counter.fetchAdd(-2 * EDGE + 1).catch(() => "refused"), "refused");
      assert.equal(await counter.fetchAdd(-EDGE), EDGE);
    });

    it("gives each of many clients tickets of its own", async () => {
      const counters = Array.from({ length: 8 }, () => counterOf());
      const tickets = await Promise.all(
        counters.flatMap((counter) => Array.from({ length: 50 }, () => counter.fetchAdd())),
      );
      assert.deepEqual(tickets.sort((a, b) => a - b), Array.from({ length: 400 }, (_, i) => i));
      await Promise.all(counters.map((counter) => counter.close()));
    });

    it("keeps the least and the greatest", async () => {
      await using counter = counterOf();
      assert.equal(await counter.fetchMax(-5), 0);
      assert.equal(await stored(), null, "nothing was set");
      assert.equal(await counter.fetchMax(5), 0);
      assert.equal(await counter.fetchMax(5), 5);
      assert.equal(await counter.fetchMax(3), 5);
      assert.equal(await counter.fetchMin(7), 5);
      assert.equal(await counter.fetchMin(-7), 5);
      assert.equal(await counter.fetchMin(EDGE), -7);
      assert.equal(await counter.fetchMax(EDGE), -7);
      assert.equal(await counter.fetchMin(-EDGE), EDGE);
      assert.equal(await stored(), `${-EDGE}`);
      counter.add(EDGE).catch(() => {});
      assert.equal(await counter.fetchMax(1), 0, "an add before it counts");
      await adapter.send("SET", "n", "9007199254740993");
      for (const ask of [() => counter.fetchMax(1), () => counter.fetchMin(1)]) {
        await assert.rejects(ask(), { name: "RangeError", message: /9007199254740993/ });
      }
      assert.equal(await stored(), "9007199254740993");
    });

    it("keeps the greatest of many clients, and misses none", async () => {
      const counters = Array.from({ length: 8 }, () => counterOf());
      const raises: [before: number, after: number][] = [];
      await Promise.all(counters.map(async (counter, c) => {
        for (let i = 1; i <= 40; i++) {
          const n = 8 * i + c;
          const before = await counter.fetchMax(n);
          if (before < n) raises.push([before, n]);
        }
      }));
      raises.sort(([a], [b]) => a - b);
      let value = 0;
      for (const [before, after] of raises) {
        assert.equal(before, value, "each raise follows the one before");
        value = after;
      }
      assert.equal(value, 8 * 40 + 7);
      assert.equal(await counters[0].get(), value);
      await Promise.all(counters.map((counter) => counter.close()));
    });

    it("sets, exchanges, and compares", async () => {
      await using counter = counterOf();
      assert.equal(await counter.compareExchange(1, 5), 0);
      assert.equal(await counter.compareExchange(0, 5), 0);
      assert.equal(await counter.exchange(-7), 5);
      assert.equal(await counter.compareExchange(5, 6), -7);
      await counter.set(100);
      assert.equal(await counter.add(), 101);
      counter.add(1).catch(() => {});
      assert.equal(await counter.get(), 102, "an add before it counts");
      counter.add(1).catch(() => {});
      assert.equal(await counter.exchange(0), 103);
    });

    it("is exact up to 2^53, and unchanged beyond", async () => {
      await using counter = counterOf();
      await counter.set(EDGE - 100);
      for (let value = EDGE - 99; value <= EDGE; value++) {
        assert.equal(await counter.add(), value);
      }
      await assert.rejects(counter.add(), {
        name: "RangeError",
        message: `Cannot add 1 to the counter "n": the sum is beyond 2^53; the value stays ${EDGE}`,
      });
      assert.equal(await stored(), `${EDGE}`);
      assert.equal(await counter.exchange(-EDGE), EDGE);
      await assert.rejects(counter.add(-1), RangeError);
      assert.equal(await counter.add(EDGE), 0);
      assert.equal(await counter.add(EDGE), EDGE);
    });

    it("sends each of several adds by itself if some are beyond 2^53", async () => {
      await using counter = counterOf();
      await counter.set(EDGE - 2);
      const results = await Promise.allSettled([1, 1, 1, -1, 1].map((n) => counter.add(n)));
      const values = results.map((result) => result.status === "fulfilled" ? result.value : null);
      assert.deepEqual(values, [EDGE - 1, EDGE, null, EDGE - 1, EDGE]);
      assert.equal(await stored(), `${EDGE}`);
    });

    it("takes back an add that is beyond 2^53 because of another program", async () => {
      await using counter = counterOf();
      await counter.add();
      for (const [value, n, sum] of [[EDGE, 1, null], [EDGE - 5, 3, EDGE - 2]] as const) {
        await adapter.send("SET", "n", `${value}`);
        const result = await counter.add(n).catch((error) => error);
        if (sum === null) assert.ok(result instanceof RangeError, String(result));
        else assert.equal(result, sum);
        assert.equal(await stored(), `${sum ?? value}`);
        await counter.set(0);
        await counter.add();
      }
    });

    it("refuses values beyond 2^53", async () => {
      await using counter = counterOf();
      await adapter.send("SET", "n", "9007199254740993");
      await assert.rejects(counter.get(), { name: "RangeError", message: /9007199254740993/ });
      await assert.rejects(counter.exchange(1), RangeError);
      await assert.rejects(counter.compareExchange(1, 2), RangeError);
      await assert.rejects(counter.add(), RangeError);
      assert.equal(await stored(), "9007199254740993");
      await adapter.send("SET", "n", "9223372036854775807");
      await assert.rejects(counter.add(), RangeError);
      assert.equal(await stored(), "9223372036854775807");
      await counter.set(3);
      assert.equal(await counter.get(), 3);
    });

    it("refuses numbers that are not whole, before anything is sent", async () => {
      await using counter = counterOf();
      for (const n of [0.5, NaN, Infinity, "1" as unknown as number]) {
        await assert.rejects(counter.add(n), TypeError);
        await assert.rejects(counter.set(n), TypeError);
        await assert.rejects(counter.exchange(n), TypeError);
        await assert.rejects(counter.compareExchange(n, 1), TypeError);
        await assert.rejects(counter.fetchAdd(n), TypeError);
        await assert.rejects(counter.fetchMin(n), TypeError);
        await assert.rejects(counter.fetchMax(n), TypeError);
      }
      await assert.rejects(counter.add(2 ** 53), RangeError);
      await assert.rejects(counter.set(-(2 ** 53)), RangeError);
      assert.equal(await stored(), null);
      assert.throws(() => counterOf({ min: 1, max: 0 }), RangeError);
      assert.throws(() => counterOf({ expireAfter: 0 }), RangeError);
      assert.throws(() => counterOf({}, ""), TypeError);
    });

    it("keeps its bounds", async () => {
      await using counter = counterOf({ min: 0, max: 10 });
      await assert.rejects(counter.add(-1), {
        name: "RangeError",
        message: 'Cannot add -1 to the counter "n": the sum is beyond its bounds, 0 to 10; ' +
          "the value stays 0",
      });
      assert.equal(await stored(), null, "nothing was set");
      const results = await Promise.allSettled([4, 4, 4, 2, -11, -10].map((n) => counter.add(n)));
      const values = results.map((result) => result.status === "fulfilled" ? result.value : null);
      assert.deepEqual(values, [4, 8, null, 10, null, 0]);
      // The last sum is within the bounds, but one on the way is not.
      const up = await Promise.allSettled([5, 6, -6].map((n) => counter.add(n)));
      assert.deepEqual(up.map(({ status }) => status), ["fulfilled", "rejected", "rejected"]);
      const down = await Promise.allSettled([-6, 3].map((n) => counter.add(n)));
      assert.deepEqual(down.map(({ status }) => status), ["rejected", "fulfilled"]);
      assert.equal(await counter.add(-3), 5);
      await assert.rejects(counter.set(11), RangeError);
      await assert.rejects(counter.exchange(-1), RangeError);
      assert.equal(await counter.get(), 5);
      assert.throws(() => counter.coalesced(), TypeError);
    });

    it("expires after its first change", async () => {
      await using counter = counterOf({ expireAfter: 60_000 });
      const left = async () => Number(await adapter.send("PTTL", "n"));
      await counter.add();
      const first = await left();
      assert.ok(first > 0 && first <= 60_000, `${first}`);
      await adapter.send("PEXPIRE", "n", "30000");
      await counter.add();
      await counter.set(9);
      assert.equal(await counter.exchange(10), 9);
      assert.equal(await counter.fetchMax(11), 10);
      assert.equal(await counter.fetchMin(5), 11);
      assert.equal(await counter.fetchAdd(1), 5);
      assert.ok(await left() <= 30_000, "a later change does not extend it");
      // A counter that another program has set without an expiry gets one.
      await adapter.send("SET", "n", "1");
      await counter.add();
      assert.ok(await left() > 30_000);
      await adapter.send("DEL", "n");
      await counter.set(1);
      assert.ok(await left() > 30_000);
      for (const ask of [() => counter.fetchMax(2), () => counter.fetchMin(-2)]) {
        await adapter.send("SET", "n", "1");
        await ask();
        assert.ok(await left() > 30_000);
      }

      await using short = counterOf({ expireAfter: 20 }, "short");
      assert.equal(await short.add(5), 5);
      await until("the expiry", async () => await adapter.send("EXISTS", "short") === 0);
      assert.equal(await short.add(), 1);
    });

    it("counts an operation once", async () => {
      await using counter = counterOf({ rememberFor: 60_000 });
      assert.equal(await counter.add(5, { operation: "a" }), 5);
      await counter.add(1);
      assert.equal(await counter.add(5, { operation: "a" }), 5);
      assert.equal(await counter.add(5, { operation: "b" }), 11);
      assert.equal(await counter.get(), 11);
      await assert.rejects(counter.add(6, { operation: "a" }), {
        name: "TypeError",
        message: /the operation "a" added 5 before/,
      });
      const [key] = await adapter.send("KEYS", "interlock*:a") as string[];
      assert.equal(key, "interlock:operation:1:{n}:1:n:a");
      assert.ok(Number(await adapter.send("PTTL", key)) > 30_000);
      await assert.rejects(counter.add(1, { operation: "" }), TypeError);
      await assert.rejects(counter.add(1, { operation: "c", retryFor: -1 }), RangeError);
    });

    it("works after the server has forgotten its scripts", async () => {
      await using counter = counterOf({ min: 0 });
      assert.equal(await counter.add(), 1);
      await adapter.send("SCRIPT", "FLUSH");
      assert.equal(await counter.add(), 2);
      await adapter.send("SCRIPT", "FLUSH");
      assert.equal(await counter.exchange(7), 2);
    });

    it("keeps the order of the calls, whatever the server has forgotten", async () => {
      await using counter = counterOf();
      await using other = counterOf({}, "other");
      const prepare: Record<string, () => Promise<unknown>> = {
        "nothing is known": () => Promise.resolve(),
        "a script to set": () => counter.set(0),
        "a script to add": () => counter.add(0, { operation: crypto.randomUUID() }),
        "the value is near 0": () => counter.add(),
        "the script of another counter": () => other.add(1, { operation: crypto.randomUUID() }),
      };
      for (const isForgotten of [true, false]) {
        for (const [what, load] of Object.entries(prepare)) {
          if (isForgotten) await adapter.send("SCRIPT", "FLUSH");
          await load();
          const ask = [
            counter.set(0),
            counter.add(5),
            counter.get(),
            counter.exchange(2),
            counter.add(7),
            counter.add(1, { operation: crypto.randomUUID() }),
            counter.fetchMax(3),
            counter.get(),
          ];
          assert.deepEqual(await Promise.all(ask), [undefined, 5, 5, 5, 9, 10, 10, 10], what);
        }
      }
      await counter.add();
      await adapter.send("SCRIPT", "FLUSH");
      assert.deepEqual(await Promise.all([counter.exchange(1), counter.add(5)]), [11, 6]);
    });

    it("holds back what is called while a script is sent again", async () => {
      const answers: (() => void)[] = [];
      let isForgetful = false;
      const forgetful: RedisAdapter = {
        async send(command, ...args) {
          if (command !== "EVALSHA" || !isForgetful) return await adapter.send(command, ...args);
          await new Promise<void>((resolve) => answers.push(resolve));
          throw new Error("NOSCRIPT No matching script.");
        },
        subscribe: (channel, listener) => adapter.subscribe(channel, listener),
        close: () => Promise.resolve(),
      };
      await using counter = new RedisCounter(forgetful, "n", { min: -100 });
      await counter.add(0);
      isForgetful = true;
      const asked: Promise<unknown>[] = [counter.add(5), counter.exchange(1)];
      assert.equal(answers.length, 2);
      answers[0]();
      assert.equal(await asked[0], 5, "the first was sent again");
      isForgetful = false;
      asked.push(counter.add(2), counter.get(), counter.add(1, { operation: "a" }), counter.get());
      const closed = counter.close();
      // An operation that was not held back would be done by then.
      assert.equal(await stored(), "5");
      answers[1]();
      assert.deepEqual(await Promise.all(asked), [5, 5, 3, 3, 4, 4]);
      await closed;
    });

    it("says that another kind of value is at the key, and does not change it", async () => {
      await using counter = counterOf();
      await adapter.send("RPUSH", "n", "a");
      const asked = [
        () => counter.add(),
        () => counter.get(),
        () => counter.set(1),
        () => counter.exchange(1),
        () => counter.compareExchange(0, 1),
        () => counter.fetchAdd(),
        () => counter.fetchMin(-1),
        () => counter.fetchMax(1),
      ];
      for (const ask of asked) {
        await assert.rejects(ask(), (error: unknown) => {
          assert.ok(error instanceof MisconfiguredError, String(error));
          assert.equal(error.code, "WRONGTYPE");
          assert.match(error.message, /the counter "n": the server answers "WRONGTYPE/);
          return true;
        });
      }
      assert.equal(await adapter.send("LLEN", "n"), 1);
      for (const text of ["hello", "1.5", "007", ""]) {
        await adapter.send("SET", "n", text);
        for (const ask of asked) await assert.rejects(ask(), MisconfiguredError, text);
        assert.equal(await stored(), text);
      }
    });

    it("says that the server is full, and works when it is not", async () => {
      await using counter = counterOf();
      await counter.add();
      await adapter.send("CONFIG", "SET", "maxmemory", "1");
      try {
        for (const ask of [() => counter.add(), () => counter.set(5)]) {
          await assert.rejects(ask(), (error: unknown) => {
            assert.ok(error instanceof RefusedError, String(error));
            assert.equal(error.code, "OOM");
            return true;
          });
        }
        await assert.rejects(counter.add(1, { operation: "full" }), RefusedError);
        assert.equal(await counter.get(), 1);
      } finally {
        await adapter.send("CONFIG", "SET", "maxmemory", "0");
      }
      assert.equal(await counter.add(1, { operation: "full" }), 2);
    });

    it("recognizes an old copy of a parcel", async () => {
      const bounds = [`${-EDGE}`, `${EDGE}`, "0", "0", "", "60000"];
      const send = (n: number, parcel: number) =>
        COUNTER.run(adapter, ["n", "record"], [`${n}`, `${-n}`, ...bounds, `${parcel}`]);
      assert.equal(await send(5, 1), 5);
      assert.equal(await send(5, 1), "5");
      assert.equal(await send(2, 2), 7);
      assert.equal(await send(5, 1), "7");
      assert.equal(await stored(), "7");
    });

    it("collects adds and sends them together", async () => {
      await using counter = counterOf();
      const collected = counter.coalesced({ flushEvery: 60_000 });
      for (let i = 0; i < 1000; i++) collected.add();
      collected.add(-1);
      assert.equal(collected.pending, 999);
      assert.equal(await counter.get(), 0);
      assert.equal(await collected.flush(), 999);
      assert.equal(collected.pending, 0);
      collected.add(1);
      assert.equal(await collected.flush(), 1000);
      collected.add(5);
      assert.equal(await collected.get(), 1005, "the server's value, and what is pending here");
      assert.equal(collected.pending, 5);
      await adapter.send("INCRBY", "n", "100");
      assert.equal(await collected.get(), 1105);
      await adapter.send("DECRBY", "n", "100");
      const records = () => adapter.send("KEYS", "*operation*") as Promise<string[]>;
      assert.equal((await records()).length, 1, "one record, however many parcels");
      await collected.close();
      assert.deepEqual(await records(), []);
      assert.equal(await counter.get(), 1005);
      assert.throws(() => collected.add(), /closed/);
      assert.throws(() => counter.coalesced({ flushEvery: -1 }), RangeError);
    });

    it("sends collected adds by itself", async () => {
      await using counter = counterOf();
      await using collected = counter.coalesced({ flushEvery: 10 });
      for (let round = 1; round <= 3; round++) {
        collected.add();
        await until("the next round", () => collected.pending === 0);
        assert.equal(await counter.get(), round);
      }
    });

    it("collects nothing after a close", async () => {
      await using counter = counterOf();
      const collected = counter.coalesced();
      collected.add(1);
      collected.add(-1);
      await collected.close(); // There is nothing to send.
      assert.throws(() => collected.add(5), /Cannot collect an add: it was closed$/);
      assert.equal(collected.pending, 0);
      const idle = counter.coalesced();
      await counter.close();
      assert.throws(() => idle.add(5), /Cannot collect an add: it was closed$/);
      assert.throws(() => counter.coalesced(), TypeError);
    });

    it("sends collected adds again, whatever onError does", async () => {
      await adapter.send("SET", "n", "text");
      await using counter = counterOf();
      const errors: unknown[] = [];
      const fail = (error: unknown) => {
        errors.push(error);
        throw new Error("from onError");
      };
      await using throwing = counter.coalesced({ flushEvery: 5, onError: fail });
      await using rejecting = counter.coalesced({
        flushEvery: 5,
        onError: (error) => Promise.reject(fail).catch((fail) => fail(error)),
      });
      throwing.add(1);
      rejecting.add(2);
      await until("some errors", () => errors.length >= 4);
      await adapter.send("SET", "n", "10");
      await until("the next tries", () => throwing.pending + rejecting.pending === 0);
      assert.equal(await counter.get(), 13);
    });

    it("reads the options of collected adds once", async () => {
      await adapter.send("SET", "n", "text");
      const counter = counterOf();
      const errors: unknown[] = [];
      const options: Record<string, unknown> = { onError: (error: unknown) => errors.push(error) };
      counter.coalesced(options).add(2);
      options.onError = "no function";
      await assert.rejects(counter.close(), MisconfiguredError);
      assert.equal(errors.length, 1);
      assert.ok(errors[0] instanceof MisconfiguredError, String(errors[0]));
    });
  });
}
