import { Redis } from "ioredis";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { createClient } from "redis";
import {
  MisconfiguredError,
  RedisCounter,
  RedisLock,
  RedisSemaphore,
  type RedisSource,
} from "../../../src/redis/mod.ts";
import { interlock } from "../../cli/interlock.ts";
import { freePort, RedisServer, skip } from "../../support/redis_server.ts";

const DEADLINE = { timeout: 60_000 };
/** Wrong or misleading addresses, each with two halves of one password. */
const WRONG = [
  "redis://user:s3cr/3tpw@h",
  "redis://user:s3cr#3tpw@h",
  "redis://user:s3cr?3tpw@h",
  "redis://user:11/s3cr3tpw@h",
  "redis://user:11#s3cr3tpw@h",
  "redis://user:11?s3cr3tpw@h",
  "redis://user:s3cr%3tpw@h",
  "redis:user:s3cr3tpw@h",
  "redis:/user:s3cr3tpw@h",
  "redis//user:s3cr3tpw@h",
  "user:s3cr3tpw@h:6379",
  ":s3cr3tpw@h",
  "s3cr3tpw@h",
  "http://u:s3cr@3tpw@h",
  "https://s3cr3tpw@h/",
  "unix://:s3cr/3tpw@/run/redis.sock",
  "redis://:s3cr3tpw@h:port",
  "redis://:s3cr3tpw@[h",
  "redis://:s3cr3tpw@h/first",
  "//user:s3cr3tpw@h",
];

/** All that a program may print of an error: its causes, its stack, the properties of clients. */
function assertNoPassword(error: unknown): true {
  const shown = `${inspect(error, { depth: 20, showHidden: true })} ${JSON.stringify(error)}`;
  assert.ok(!/s3cr|3tpw/.test(shown), shown);
  return true;
}

describe("the password in an address", () => {
  for (const address of WRONG) {
    it(`is not shown for ${address}`, () => {
      const isSilent = (error: unknown) => {
        assert.ok(error instanceof MisconfiguredError, String(error));
        assert.match(
          error.message,
          /It is not shown, since it may contain a password.*redis:\/\/127/,
        );
        return assertNoPassword(error);
      };
      const makers: ((source: RedisSource) => unknown)[] = [
        (source) => new RedisCounter(source, "n"),
        (source) => new RedisLock(source, "n"),
        (source) => new RedisLock([source, "redis://127.0.0.1:1"], "n"),
        (source) => new RedisSemaphore(source, "n", 1),
      ];
      for (const make of makers) {
        assert.throws(() => make(address), isSilent);
        if (URL.canParse(address)) assert.throws(() => make(new URL(address)), isSilent);
      }
    });
  }

  it("may contain any character in its escaped form", () => {
    for (const password of ["s3cr/3t", "a:b@c#d?e%f\\g", "ä€"]) {
      const counter = new RedisCounter(`redis://:${encodeURIComponent(password)}@127.0.0.1/1`, "n");
      assert.ok(counter);
    }
  });

  it("is not shown if the server cannot be reached", DEADLINE, async () => {
    const port = await freePort();
    const url = `redis://user:s3cr3tpw@127.0.0.1:${port}`;
    await using counter = new RedisCounter(url, "n", { commandTimeout: 200 });
    await assert.rejects(counter.add(), assertNoPassword);
    await using lock = new RedisLock([url, `${url}/1`, `${url}/2`], "n", { commandTimeout: 200 });
    await assert.rejects(lock.tryAcquire(), assertNoPassword);
    await assert.rejects(lock.acquire({ timeout: 100 }), assertNoPassword);
  });

  it("is not shown by the command line", DEADLINE, async () => {
    const folder = mkdtempSync(join(tmpdir(), "interlock-passwords-"));
    try {
      const broken = join(folder, "broken.json");
      writeFileSync(broken, '{"redis": redis://:s3cr3tpw@h}');
      const wrong = join(folder, "wrong.json");
      writeFileSync(wrong, '{"redis": "redis://user:s3cr/3tpw@h"}');
      const lines = [
        ...WRONG.slice(0, 3).map((address) => ["inspect", "--redis", address]),
        ["inspect", "--redis", ":s3cr3tpw@h"],
        ["inspect", "--redi=redis://:s3cr3tpw@h"],
        ["inspect", "redis://:s3cr3tpw@h"],
        ["remove", "redis://:s3cr3tpw@h"],
        ["redis://:s3cr3tpw@h"],
        ["count", "--redis", "redis://user:s3cr/3tpw@h"],
        ["count", "--redis", "redis://user:11/s3cr3tpw@h", "redis"],
        ["count", "--redis", ":s3cr3tpw@h"],
        ["count", "redis://:s3cr3tpw@h"],
        ["count", "--unit", "redis://:s3cr3tpw@h"],
        ["count", "--config", broken],
        ["count", "--config", wrong],
      ];
      const endings = await Promise.all(lines.map((line) => interlock(line)));
      endings.forEach(({ status, stdout, stderr }, i) => {
        assert.notEqual(status, 0, lines[i].join(" "));
        assert.ok(!/s3cr|3tpw/.test(stdout + stderr), `${lines[i].join(" ")}: ${stdout}${stderr}`);
        assert.notEqual(stderr, "");
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("a password that the server refuses", { skip }, () => {
  let server: RedisServer;
  before(async () => server = await RedisServer.start({ password: "right" }));
  after(() => server?.[Symbol.asyncDispose]());

  const clients: Record<string, (port: number) => Promise<{ source: RedisSource; end(): void }>> = {
    address: (port) =>
      Promise.resolve({ source: `redis://user:s3cr3tpw@127.0.0.1:${port}`, end() {} }),
    "node-redis": (port) => {
      const source = createClient({
        username: "user",
        password: "s3cr3tpw",
        socket: { port, host: "127.0.0.1" },
      });
      source.on("error", () => {});
      source.connect().catch(() => {});
      return Promise.resolve({ source, end: () => void (source.isOpen && source.destroy()) });
    },
    ioredis: (port) => {
      const source = new Redis({ port, host: "127.0.0.1", username: "user", password: "s3cr3tpw" });
      source.on("error", () => {});
      return Promise.resolve({ source, end: () => source.disconnect() });
    },
    "ioredis that sends nothing twice": (port) => {
      const source = new Redis({
        ...{ port, host: "127.0.0.1", username: "user", password: "s3cr3tpw" },
        autoResendUnfulfilledCommands: false,
      });
      source.on("error", () => {});
      return Promise.resolve({ source, end: () => source.disconnect() });
    },
    ..."Bun" in globalThis && {
      bun: (port: number) => {
        // deno-lint-ignore no-explicit-any -- The types of Bun are not among ours.
        const { RedisClient } = (globalThis as any).Bun;
        const source = new RedisClient(`redis://user:s3cr3tpw@127.0.0.1:${port}`);
        source.connect().catch(() => {});
        return Promise.resolve({ source, end: () => source.close() });
      },
    },
  };
  for (const [name, connect] of Object.entries(clients)) {
    it(`is not shown by ${name}`, DEADLINE, async () => {
      const { source, end } = await connect(server.port);
      try {
        const options = { commandTimeout: 500 };
        await using counter = new RedisCounter(source, "n", options);
        await assert.rejects(counter.add(), assertNoPassword);
        await assert.rejects(counter.add(1, { operation: "a", retryFor: 0 }), assertNoPassword);
        await using lock = new RedisLock(source, "n", options);
        await assert.rejects(lock.tryAcquire(), assertNoPassword);
        await assert.rejects(lock.acquire({ timeout: 100 }), assertNoPassword);
      } finally {
        end();
      }
    });
  }
});
