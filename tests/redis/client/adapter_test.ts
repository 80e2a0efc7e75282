import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  adapterOf,
  MisconfiguredError,
  type RedisAdapter,
  type RedisSource,
  UnreachableError,
} from "../../../src/redis/mod.ts";
import { loadNodeRedis } from "../../../src/redis/client/node_redis_address.ts";
import { Proxy } from "../../support/proxy.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { ALL_CLIENTS } from "../clients.ts";

describe("adapterOf", () => {
  it("refuses a source that is no client and no address", () => {
    for (const source of ["http://127.0.0.1", "127.0.0.1:6379", "", {}, 7, null, undefined]) {
      assert.throws(() => adapterOf(source as RedisSource), MisconfiguredError);
    }
    assert.throws(
      () => adapterOf("https://user:secret@host"),
      (error: Error) => !error.message.includes("secret"),
    );
  });

  it("refuses a wrong timeout", () => {
    for (const commandTimeout of [0, -1, NaN, Infinity]) {
      assert.throws(() => adapterOf("redis://127.0.0.1", { commandTimeout }), RangeError);
    }
  });

  it("says that the server cannot be reached, and that nothing has happened", async () => {
    await loadNodeRedis(); // On a busy machine, that may take longer than the time below.
    const adapter = adapterOf("redis://127.0.0.1:1", { commandTimeout: 1000 });
    await assert.rejects(adapter.send("PING"), (error: unknown) => {
      assert.ok(error instanceof UnreachableError);
      assert.equal(error.mayHaveHappened, false);
      assert.match(error.message, /^no connection within 1000 ms \(.*ECONNREFUSED/);
      return true;
    });
    await adapter.close();
    await assert.rejects(adapter.send("PING"), /the connection was closed/);
  });

  it("takes an adapter that the user has written", async () => {
    const sent: string[][] = [];
    const own: RedisAdapter = {
      send: (...command) => Promise.resolve(sent.push(command)),
      subscribe(_channel, onMessage) {
        onMessage("hello");
        return Promise.resolve(() => Promise.resolve());
      },
      close: () => Promise.reject(new Error("It is the user's")),
    };
    const adapter = adapterOf(own);
    assert.equal(await adapter.send("SET", "a", "b"), 1);
    assert.deepEqual(sent, [["SET", "a", "b"]]);
    await adapter.close();
  });
});

for (const [name, connect] of Object.entries(ALL_CLIENTS)) {
  describe(`an adapter of ${name}`, { skip }, () => {
    let server: RedisServer;
    before(async () => server = await RedisServer.start());
    after(() => server[Symbol.asyncDispose]());

    async function withAdapter(
      body: (adapter: RedisAdapter, proxy: Proxy, source: RedisSource) => Promise<void>,
      commandTimeout = 20_000,
    ): Promise<void> {
      await using proxy = await Proxy.start(server.port);
      await using client = await connect(proxy.url);
      const adapter = adapterOf(client.source, { commandTimeout });
      try {
        await until("the connection", () => adapter.send("PING").catch(() => false));
        await body(adapter, proxy, client.source);
      } finally {
        await adapter.close();
      }
    }

    it("returns each kind of reply", () =>
      withAdapter(async (adapter) => {
        assert.equal(await adapter.send("SET", "text", "ä 1"), "OK");
        assert.equal(await adapter.send("GET", "text"), "ä 1");
        assert.equal(await adapter.send("GET", "nothing"), null);
        assert.equal(await adapter.send("INCRBY", "big", `${2 ** 52}`), 2 ** 52);
        const script = "return {1, 'a', false, {redis.status_reply('OK')}}";
        assert.deepEqual(await adapter.send("EVAL", script, "0"), [1, "a", null, ["OK"]]);
        const [key, value] = await adapter.send("CONFIG", "GET", "appendonly") as string[];
        assert.deepEqual([key, value], ["appendonly", "no"]);
      }));

    it("rejects with the server's code at the beginning", () =>
      withAdapter(async (adapter) => {
        await adapter.send("RPUSH", "list", "a");
        await assert.rejects(adapter.send("GET", "list"), { message: /^WRONGTYPE / });
        await assert.rejects(adapter.send("NONSENSE"), { message: /^ERR unknown command/ });
        await assert.rejects(adapter.send("EVALSHA", "0".repeat(40), "0"), {
          message: /^NOSCRIPT /,
        });
      }));

    it("never sends a command twice, and says that it may have happened", () =>
      withAdapter(async (adapter, proxy) => {
        const key = `twice-${name}`;
        await adapter.send("INCR", key);
        let sent = 0;
        proxy.onRequest = (bytes) => {
          if (bytes.includes("INCR")) sent++;
          return "pass";
        };
        proxy.onReply = () => "cut";
        await assert.rejects(adapter.send("INCR", key), (error: unknown) => {
          assert.ok(error instanceof UnreachableError, String(error));
          assert.equal(error.mayHaveHappened, true);
          return true;
        });
        proxy.onReply = () => "pass";
        assert.equal(await adapter.send("GET", key), "2");
        assert.equal(sent, 1);
      }));

    it("waits for an answer until its time limit, and drops a late one", () =>
      withAdapter(async (adapter, proxy) => {
        proxy.onReply = () => "hold";
        await assert.rejects(adapter.send("ECHO", "late"), (error: unknown) => {
          assert.ok(error instanceof UnreachableError, String(error));
          assert.equal(error.mayHaveHappened, true);
          assert.equal(error.message, "no answer within 1000 ms");
          return true;
        });
        proxy.onReply = () => "pass";
        proxy.letGo();
        const next = () => adapter.send("ECHO", "next").catch(() => undefined);
        assert.equal(await until("an answer in time", next), "next");
      }, 1000));

    it("shares one connection for subscriptions, and subscribes again", () =>
      withAdapter(async (adapter, proxy, source) => {
        await adapter.send("PING");
        const before = proxy.connections;
        const other = typeof source === "string" ? adapter : adapterOf(source);
        const received: string[] = [];
        const ends = await Promise.all([
          adapter.subscribe("one", (message) => received.push(`a ${message}`)),
          adapter.subscribe("one", (message) => received.push(`b ${message}`)),
          other.subscribe("two", (message) => received.push(`c ${message}`)),
        ]);
        assert.equal(proxy.connections, before + 1);
        assert.equal(await adapter.send("PUBLISH", "one", "1"), 1);
        assert.equal(await adapter.send("PUBLISH", "two", "2"), 1);
        await until("the messages", () => received.length === 3);
        assert.deepEqual(received.toSorted(), ["a 1", "b 1", "c 2"]);

        await ends[0]();
        await ends[0]();
        proxy.cut();
        const publish = () => adapter.send("PUBLISH", "one", "3").catch(() => 0);
        await until("the subscription", async () => Number(await publish()) > 0);
        await until("the message after the cut", () => received.length > 3);
        assert.ok(received.slice(3).every((message) => message === "b 3"), received.join());

        await ends[1]();
        assert.equal(await adapter.send("PUBLISH", "one", "4"), 0);
        assert.equal(await adapter.send("PUBLISH", "two", "5"), 1);
        await other.close();
        if (other !== adapter) assert.equal(await adapter.send("PUBLISH", "two", "6"), 0);
      }));

    it("works again after the server was killed and restarted", () =>
      withAdapter(async (adapter) => {
        await using own = await RedisServer.start();
        await using client = await connect(own.url);
        const its = adapterOf(client.source, { commandTimeout: 20_000 });
        assert.equal(await its.send("INCR", "n"), 1);
        await own.kill();
        const down = adapterOf(client.source, { commandTimeout: 100 });
        await assert.rejects(down.send("INCR", "n"), UnreachableError);
        await down.close();
        await own.start();
        await until("the server", () =>
          its.send("PING").then(() => true, (error) => {
            assert.ok(error instanceof UnreachableError || /^LOADING /.test(error.message));
            return false;
          }));
        await its.close();
        assert.equal(await adapter.send("PING"), "PONG");
      }));
  });
}
