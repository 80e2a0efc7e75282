import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type LockInfo,
  LockManager,
  type LockManagerSnapshot,
  type LockRequestOptions,
  Segment,
} from "../../src/memory/mod.ts";
import { WRONG_TIMEOUT_RANGES } from "../contract/wrong_arguments.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { ourError } from "../support/our_error.ts";
import { until } from "../support/until.ts";
import { itInBothSegments } from "./fixtures/both_segments.ts";

const ABORTED = { name: "AbortError" };
const UNSUPPORTED = { name: "NotSupportedError" };
const NEVER = new Promise<never>(() => {});

/** Holds a lock until `release` is called; `ended` is the promise of the request. */
function hold(locks: LockManager, name: string, options: LockRequestOptions = {}): {
  ended: Promise<unknown>;
  granted: Promise<void>;
  release: (value?: unknown) => void;
} {
  const { promise, resolve: release } = Promise.withResolvers<unknown>();
  const { promise: granted, resolve: grant } = Promise.withResolvers<void>();
  const ended = locks.request(name, options, () => {
    grant();
    return promise;
  });
  ended.catch(() => {});
  return { ended, granted, release };
}

/** What is known of the locks with a name. */
async function modesOf(locks: LockManager, name: string): Promise<[string[], string[]]> {
  const { held, pending } = await locks.query();
  const modes = (list: LockInfo[]) =>
    list.filter((one) => one.name === name).map((one) => one.mode);
  return [modes(held), modes(pending)];
}

/** Fails unless no lock is held or requested. */
async function assertEmpty(locks: LockManager): Promise<void> {
  assert.deepEqual(await locks.query(), { held: [], pending: [] });
}

const fail = (): never => assert.fail("the callback was called");

describe("LockManager.request", () => {
  itInBothSegments("needs a name and a callback", async ({ locks }) => {
    const request = locks.request.bind(locks) as (...values: unknown[]) => Promise<unknown>;
    for (const values of [[], ["a"]]) await assert.rejects(request(...values), TypeError);
    for (const callback of [undefined, null, 123, "abc", [], {}, NEVER]) {
      await assert.rejects(request("a", callback), ourError(TypeError));
      await assert.rejects(request("a", {}, callback), ourError(TypeError));
    }
    for (const options of [1, "text", true, Symbol()]) {
      await assert.rejects(request("a", options, fail), ourError(TypeError));
    }
    await assert.rejects(request(Symbol(), fail), ourError(TypeError));
    for (const options of [undefined, null, {}, () => {}]) {
      assert.equal(await request("a", options, ({ mode }: { mode: string }) => mode), "exclusive");
    }
    assert.equal(await request(12, ({ name }: { name: string }) => name), "12");
    await assertEmpty(locks);
  });

  itInBothSegments("refuses to be called without its object, by a rejection", async ({ locks }) => {
    const { request, query } = locks;
    await assert.rejects(Reflect.apply(request, undefined, ["a", fail]), TypeError);
    await assert.rejects(Reflect.apply(query, undefined, []), TypeError);
    assert.throws(() => Reflect.construct(LockManager, []), ourError(TypeError));
  });

  itInBothSegments("takes the modes exclusive and shared, and no other", async ({ locks }) => {
    for (const mode of ["foo", null, 1, "Shared", ""]) {
      await assert.rejects(
        locks.request("a", { mode: mode as "shared" }, fail),
        ourError(TypeError),
      );
    }
    for (const mode of ["exclusive", "shared"] as const) {
      assert.equal(await locks.request("a", { mode }, (lock) => lock?.mode), mode);
    }
    assert.equal(await locks.request("a", { mode: undefined }, (lock) => lock?.mode), "exclusive");
  });

  itInBothSegments("refuses options that exclude each other", async ({ locks }) => {
    const { signal } = new AbortController();
    for (
      const options of [
        { steal: true, ifAvailable: true },
        { steal: true, mode: "shared" },
        { steal: true, signal },
        { ifAvailable: true, signal },
        { ifAvailable: true, signal: AbortSignal.abort() },
      ] as LockRequestOptions[]
    ) await assert.rejects(locks.request("a", options, fail), UNSUPPORTED);
    for (const options of [{ steal: false, ifAvailable: true }, { steal: false, signal }]) {
      assert.equal(await locks.request("a", options, () => 5), 5);
    }
    await assertEmpty(locks);
  });

  itInBothSegments("refuses names that begin with a hyphen", async ({ locks }) => {
    for (const name of ["-", "-a"]) await assert.rejects(locks.request(name, fail), UNSUPPORTED);
    assert.equal(await locks.request("a-", (lock) => lock?.name), "a-");
  });

  itInBothSegments("takes any other string as a name, and changes none", async ({ locks }) => {
    const names = [
      "",
      "a\0b",
      "\ud800",
      "\udc00",
      "\udc00\ud800",
      "\uffff",
      "\ufeff",
      "\ufffd",
      "ä",
      "a\u0308",
      ..."x".repeat(70).split("").map((x, i) => x.repeat(i + 1)),
      "0123456789abcdef".repeat(9) + "a",
      "0123456789abcdef".repeat(9) + "b",
    ];
    const held = names.map((name) => hold(locks, name));
    const seen = await locks.query();
    assert.deepEqual(seen.held.map(({ name }) => name), names, "they are different");
    for (const { release } of held) release();
    await Promise.all(held.map(({ ended }) => ended));
    for (const name of names) {
      assert.equal(await locks.request(name, (lock) => lock?.name), name);
    }
    await assertEmpty(locks);
  });

  itInBothSegments("returns what the callback returns, later", async ({ locks }) => {
    let isCalled = false;
    const promise = locks.request("a", () => {
      isCalled = true;
      return 123;
    });
    assert.equal(Promise.resolve(promise), promise);
    assert.equal(isCalled, false, "never within the call");
    assert.equal(await promise, 123);
    assert.equal(await locks.request("a", () => Promise.resolve("b")), "b");
    // deno-lint-ignore no-explicit-any -- A thenable of its own.
    const thenable = { then: (done: (value: number) => void) => done(5) } as any;
    assert.equal(await locks.request("a", () => thenable), 5);
    const object = {};
    assert.equal(await locks.request("a", () => object), object);
    await assertEmpty(locks);
  });

  itInBothSegments("rejects with what the callback throws, at once or later", async ({ locks }) => {
    const error = { then: () => assert.fail("it was taken for a promise") };
    const thrownBy = (promise: Promise<unknown>) =>
      promise.then(() => assert.fail("it was resolved"), (thrown) => [thrown]);
    const now = locks.request("a", () => {
      throw error;
    });
    assert.equal(Promise.resolve(now), now);
    assert.equal((await thrownBy(now))[0], error);
    const later = locks.request("a", () => Promise.reject(error));
    assert.equal((await thrownBy(later))[0], error);
    const broken = Object.defineProperty(Promise.resolve(), "constructor", {
      get: () => {
        throw error;
      },
    });
    await locks.request("a", () => broken).catch(() => {});
    await assertEmpty(locks);
  });

  itInBothSegments("settles after the release", async ({ locks }) => {
    const order: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const ended = locks.request("a", () => promise);
    const both = [ended.then(() => order.push("ended")), promise.then(() => order.push("done"))];
    resolve();
    await Promise.all(both);
    assert.deepEqual(order, ["done", "ended"]);
  });

  for (const way of ["resolved", "rejected"]) {
    itInBothSegments(`holds the lock until the promise is ${way}`, async ({ locks }, again) => {
      const other = again().locks;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      let isOver = false;
      const held = locks.request("a", () => promise);
      const next = other.request("a", () => assert.equal(isOver, true));
      assert.deepEqual(await modesOf(other, "a"), [["exclusive"], ["exclusive"]]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      isOver = true;
      if (way === "resolved") resolve();
      else reject(new Error("enough"));
      await (way === "resolved" ? held : assert.rejects(held, /enough/));
      await next;
    });
  }

  itInBothSegments("is not granted again to the same thread", async ({ locks }, again) => {
    for (const asking of [locks, again().locks]) {
      const seen = await locks.request(
        "a",
        async () => await asking.request("a", { ifAvailable: true }, (lock) => lock),
      );
      assert.equal(seen, null);
    }
  });

  itInBothSegments(
    "grants a name to exclusive requests one by one, in order",
    async ({ locks }) => {
      const granted: number[] = [];
      await Promise.all(
        [1, 2, 3, 4].map((n) =>
          locks.request("a", async () => {
            granted.push(n);
            await undefined;
          })
        ),
      );
      assert.deepEqual(granted, [1, 2, 3, 4]);
    },
  );

  itInBothSegments("grants one name while another is held", async ({ locks }) => {
    const granted: number[] = [];
    let inner: Promise<unknown> | undefined;
    await locks.request("a", async () => {
      inner = Promise.all([
        locks.request("a", () => granted.push(1)),
        locks.request("b", () => granted.push(2)),
      ]);
      await undefined;
    });
    await inner;
    assert.deepEqual(granted, [2, 1]);
  });

  itInBothSegments("grants shared requests of several names in order", async ({ locks }) => {
    const granted: number[] = [];
    await Promise.all(
      ["a", "b", "c", "a", "b", "c"].map((name, n) =>
        locks.request(name, { mode: "shared" }, () => granted.push(n))
      ),
    );
    assert.deepEqual(granted, [0, 1, 2, 3, 4, 5]);
    await locks.request("a", { mode: "shared" }, async () => {
      await locks.request("a", { mode: "shared" }, () => {});
    });
  });

  itInBothSegments("lets exclusive requests wait for shared ones, in order", async ({ locks }) => {
    const { promise: blocked, resolve: unblock } = Promise.withResolvers<void>();
    const granted: string[] = [];
    const shared = [1, 2, 3].map((n) =>
      locks.request("a", { mode: "shared" }, () => {
        granted.push(`shared ${n}`);
        return blocked;
      })
    );
    const exclusive = locks.request("a", (lock) => {
      granted.push("exclusive");
      return lock;
    });
    await locks.request("b", () => granted.push("other"));
    assert.deepEqual(granted, ["shared 1", "shared 2", "shared 3", "other"]);
    unblock();
    assert.deepEqual({ ...await exclusive }, { name: "a", mode: "exclusive" });
    await Promise.all(shared);
    assert.equal(granted.at(-1), "exclusive");
  });

  itInBothSegments("grants all shared requests after an exclusive one", async ({ locks }) => {
    const shared = { mode: "shared" } as const;
    const first = [1, 2, 3].map(() => hold(locks, "a", shared));
    const middle = hold(locks, "a");
    const last = [1, 2, 3].map(() => hold(locks, "a", shared));
    assert.deepEqual(await modesOf(locks, "a"), [
      ["shared", "shared", "shared"],
      ["exclusive", "shared", "shared", "shared"],
    ]);
    for (const { release } of first) release();
    await Promise.all(first.map(({ ended }) => ended));
    assert.deepEqual((await modesOf(locks, "a"))[0], ["exclusive"]);
    middle.release();
    await middle.ended;
    assert.deepEqual((await modesOf(locks, "a"))[0], ["shared", "shared", "shared"]);
    for (const { release } of last) release();
    await Promise.all(last.map(({ ended }) => ended));
    await assertEmpty(locks);
  });

  itInBothSegments("does not let a shared request overtake one that waits", async ({ locks }) => {
    const first = hold(locks, "a", { mode: "shared" });
    const waiting = hold(locks, "a");
    const seen = locks.request("a", { mode: "shared", ifAvailable: true }, (lock) => lock);
    assert.equal(await seen, null);
    first.release();
    await waiting.granted;
    waiting.release();
    await waiting.ended;
  });
});

describe("LockManager.request with ifAvailable", () => {
  itInBothSegments("grants what is available, and calls with null otherwise", async ({ locks }) => {
    const available = { ifAvailable: true };
    const shared = { mode: "shared", ifAvailable: true } as const;
    assert.notEqual(await locks.request("a", available, (lock) => lock), null);
    await locks.request("a", async () => {
      assert.equal(await locks.request("a", available, (lock) => lock ?? 123), 123);
      assert.equal(await locks.request("a", shared, (lock) => lock), null);
      assert.notEqual(await locks.request("b", available, (lock) => lock), null);
    });
    await locks.request("a", { mode: "shared" }, async () => {
      assert.notEqual(await locks.request("a", shared, (lock) => lock), null);
      assert.equal(await locks.request("a", available, (lock) => lock), null);
    });
    await assertEmpty(locks);
  });

  itInBothSegments("rejects with what the callback throws without a lock", async ({ locks }) => {
    await locks.request("a", async () => {
      for (const asynchronous of [true, false]) {
        const error = { name: "test" };
        const promise = locks.request("a", { ifAvailable: true }, (lock) => {
          assert.equal(lock, null);
          if (asynchronous) return Promise.reject(error);
          throw error;
        });
        assert.equal(Promise.resolve(promise), promise);
        await assert.rejects(promise, (thrown) => thrown === error);
      }
    });
  });

  itInBothSegments("finds a lock available once it was released", async ({ locks }) => {
    await locks.request("a", async () => {
      await locks.request("b", async () => await undefined);
      assert.notEqual(await locks.request("b", { ifAvailable: true }, (lock) => lock), null);
    });
  });
});

describe("LockManager.request with steal", () => {
  const steal = { steal: true };

  itInBothSegments("grants the lock at once, held or not", async ({ locks }) => {
    for (const _ of [1, 2]) {
      assert.equal(await locks.request("a", steal, (lock) => lock?.name), "a");
      locks.request("a", () => NEVER).catch(() => {});
    }
    await locks.request("a", steal, () => {});
    await assertEmpty(locks);
  });

  itInBothSegments("rejects the promises of those that held it", async ({ locks }, again) => {
    const other = again().locks;
    for (const mode of ["exclusive", "shared"] as const) {
      const holders = mode === "shared" ? [locks, other, locks] : [other];
      const held = holders.map((one) => one.request("a", { mode }, () => NEVER));
      const rejected = held.map((promise) => assert.rejects(promise, ABORTED));
      await locks.request("a", steal, () => {});
      await Promise.all(rejected);
      await assertEmpty(locks);
    }
  });

  itInBothSegments("rejects whatever the callback does afterwards", async ({ locks }) => {
    for (const way of ["returns", "throws", "resolves", "rejects"]) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      let stolen: Promise<unknown> | undefined;
      const held = locks.request("a", (): Promise<void> | void => {
        stolen = locks.request("a", steal, () => {});
        if (way === "throws") throw new Error("late");
        return way === "returns" ? undefined : promise;
      });
      const rejected = assert.rejects(held, ABORTED);
      await until("the thief", () => stolen !== undefined);
      await stolen;
      if (way === "rejects") reject(new Error("late"));
      else resolve();
      await rejected;
      await assertEmpty(locks);
    }
  });

  itInBothSegments("overtakes those that wait, which are granted later", async ({ locks }) => {
    locks.request("a", () => NEVER).catch(() => {});
    let isGranted = false;
    const waiting = locks.request("a", () => void (isGranted = true));
    await locks.request("a", steal, () => assert.equal(isGranted, false));
    await waiting;
    assert.equal(isGranted, true);
  });

  itInBothSegments("lets the last thief win", async ({ locks }) => {
    const first = assert.rejects(locks.request("a", () => NEVER), ABORTED);
    const second = assert.rejects(locks.request("a", steal, () => NEVER), ABORTED);
    await locks.request("a", steal, () => {});
    await Promise.all([first, second]);
    await assertEmpty(locks);
  });
});

describe("LockManager.request with a signal", () => {
  itInBothSegments("refuses what is no signal", async ({ locks }) => {
    for (const signal of ["string", 12.34, false, null, {}, Symbol(), () => {}, globalThis]) {
      const options = { signal: signal as AbortSignal };
      await assert.rejects(locks.request("a", options, fail), ourError(TypeError));
    }
    await locks.request("a", { signal: undefined }, () => {});
  });

  itInBothSegments("rejects with the reason of a signal that was aborted", async ({ locks }) => {
    await assert.rejects(locks.request("a", { signal: AbortSignal.abort() }, fail), ABORTED);
    const signal = AbortSignal.abort("enough");
    await assert.rejects(
      locks.request("a", { signal }, fail),
      (reason) => reason === "enough",
    );
    await assertEmpty(locks);
  });

  itInBothSegments("ends a wait when it is aborted", async ({ locks }, again) => {
    const { release, ended } = hold(again().locks, "a");
    for (const reason of [undefined, "enough"]) {
      const controller = new AbortController();
      const { signal } = controller;
      const waiting = locks.request("a", { signal }, fail);
      assert.deepEqual(await modesOf(locks, "a"), [["exclusive"], ["exclusive"]]);
      setTimeout(() => controller.abort(reason), 5);
      await assert.rejects(waiting, (thrown) => thrown === signal.reason);
      assert.deepEqual(await modesOf(locks, "a"), [["exclusive"], []]);
    }
    release();
    await ended;
  });

  itInBothSegments("counts until the callback is called", async ({ locks }) => {
    const controller = new AbortController();
    const { signal } = controller;
    const first = locks.request("a", { signal }, fail);
    const next = locks.request("a", () => "next");
    controller.abort("enough");
    await assert.rejects(first, (reason) => reason === "enough");
    assert.equal(await next, "next");
    await assertEmpty(locks);
  });

  itInBothSegments("counts after the grant, until the callback is called", async ({ locks }) => {
    const controller = new AbortController();
    const { signal } = controller;
    let second: Promise<unknown> | undefined;
    locks.requestSync("a", () => {
      second = locks.request("a", { signal }, fail);
    });
    controller.abort("enough");
    await assert.rejects(second!, (reason) => reason === "enough");
    await assertEmpty(locks);
  });

  itInBothSegments("is ignored afterwards", async ({ locks }) => {
    for (const late of [true, false]) {
      const controller = new AbortController();
      const { release, ended, granted } = hold(locks, "a", { signal: controller.signal });
      await granted;
      if (!late) controller.abort();
      release("done");
      if (late) controller.abort();
      assert.equal(await ended, "done");
    }
  });

  itInBothSegments("is not listened to any more after the wait", async ({ locks }) => {
    let listeners = 0;
    const { signal } = new AbortController();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    Object.assign(signal, {
      addEventListener: (...values: Parameters<typeof add>) => {
        listeners++;
        add(...values);
      },
      removeEventListener: (...values: Parameters<typeof remove>) => {
        listeners--;
        remove(...values);
      },
    });
    const first = hold(locks, "a", { signal });
    const second = hold(locks, "a", { signal });
    assert.equal(listeners, 1);
    first.release();
    await second.granted;
    assert.equal(listeners, 0);
    second.release();
    await second.ended;
  });
});

describe("LockManager.query", () => {
  itInBothSegments("has empty lists if nothing is requested", async ({ locks }) => {
    const snapshot: LockManagerSnapshot = await locks.query();
    assert.deepEqual(snapshot, { held: [], pending: [] });
  });

  itInBothSegments("lists names, modes and clients, in the order of the requests", async (
    { locks },
    again,
  ) => {
    const other = again().locks;
    const held = [
      hold(locks, "b", { mode: "shared" }),
      hold(other, "a"),
      hold(locks, "b", { mode: "shared" }),
    ];
    const pending = [hold(other, "b"), hold(locks, "a", { mode: "shared" }), hold(locks, "b")];
    const seen = await other.query();
    const clients = new Set([...seen.held, ...seen.pending].map(({ clientId }) => clientId));
    assert.equal(clients.size, 1, "a thread is one client");
    const [clientId] = clients;
    assert.match(clientId, /^(deno|bun|node)-\d+-\d+-\d+$/);
    assert.deepEqual(seen, {
      held: [
        { name: "b", mode: "shared", clientId },
        { name: "a", mode: "exclusive", clientId },
        { name: "b", mode: "shared", clientId },
      ],
      pending: [
        { name: "b", mode: "exclusive", clientId },
        { name: "a", mode: "shared", clientId },
        { name: "b", mode: "exclusive", clientId },
      ],
    });
    for (const { release } of [...held, ...pending]) release();
    await Promise.all([...held, ...pending].map(({ ended }) => ended));
    await assertEmpty(locks);
  });
});

describe("LockManager.requestSync", () => {
  itInBothSegments("returns what the callback returns or throws", async ({ locks }) => {
    assert.equal(locks.requestSync("a", (lock) => lock?.mode), "exclusive");
    assert.equal(locks.requestSync("a", { mode: "shared" }, (lock) => lock?.mode), "shared");
    assert.throws(() =>
      locks.requestSync("a", () => {
        throw new Error("inside");
      }), /inside/);
    await assertEmpty(locks);
    assert.throws(() => locks.requestSync("-", fail), UNSUPPORTED);
    const results = [() => Promise.resolve(), () => Promise.reject(new Error("unheard"))];
    for (const result of results) {
      assert.throws(() => locks.requestSync("a", result), ourError(TypeError));
    }
    await assertEmpty(locks);
  });

  itInBothSegments("does not wait with ifAvailable, and steals", async ({ locks }, again) => {
    const { ended } = hold(again().locks, "a");
    const rejected = assert.rejects(ended, ABORTED);
    assert.equal(locks.requestSync("a", { ifAvailable: true }, (lock) => lock), null);
    assert.equal(locks.requestSync("a", { steal: true }, (lock) => lock?.name), "a");
    assert.throws(
      () => locks.requestSync("a", () => locks.requestSync("a", { steal: true }, () => {})),
      ABORTED,
    );
    await rejected;
    await assertEmpty(locks);
  });

  itInBothSegments("does not wait for its own thread", async ({ locks }, again) => {
    const deadlock = { name: "DeadlockError" };
    const shared = { mode: "shared" } as const;
    const first = hold(again().locks, "a", shared);
    assert.throws(() => locks.requestSync("a", fail), deadlock);
    const second = hold(locks, "a");
    assert.throws(() => locks.requestSync("a", { ...shared, timeout: 1 }, fail), deadlock);
    assert.deepEqual(await modesOf(locks, "a"), [["shared"], ["exclusive"]]);
    for (const { release } of [first, second]) release();
    await Promise.all([first.ended, second.ended]);
    assert.throws(
      () => locks.requestSync("a", () => locks.requestSync("a", shared, fail)),
      deadlock,
    );
    await assertEmpty(locks);
  });

  itInBothSegments("refuses wrong timeouts and signals", async ({ locks }) => {
    for (const timeout of WRONG_TIMEOUT_RANGES) {
      assert.throws(() => locks.requestSync("a", { timeout }, fail), ourError(RangeError));
    }
    const timeout = "1" as unknown as number;
    assert.throws(() => locks.requestSync("a", { timeout }, fail), ourError(TypeError));
    const signal = lookingSignal(() => {
      throw new Error("aborted");
    });
    assert.throws(() => locks.requestSync("a", { signal }, fail), /aborted/);
    await assertEmpty(locks);
  });
});

describe("segment.locks", () => {
  itInBothSegments("is one object, and no name of the segment", async (segment) => {
    const { locks } = segment;
    assert.equal(segment.locks, locks);
    segment.mutex("locks").acquireSync().release();
    await locks.request("locks", () => {});
    assert.deepEqual(segment.names(), [{ name: "locks", kind: "mutex" }]);
  });

  itInBothSegments(
    "ends its requests with the segment, which is not closed while it holds a lock",
    async (
      segment,
      again,
    ) => {
      const other = again();
      const first = hold(segment.locks, "a");
      await first.granted;
      assert.throws(() => segment.close(), /holds 1 of its locks/);
      const waiting = assert.rejects(other.locks.request("a", fail), ourError(TypeError));
      const { locks } = other;
      other.close();
      await waiting;
      await assert.rejects(locks.request("a", fail), TypeError);
      await assert.rejects(locks.query(), TypeError);
      assert.throws(() => other.locks, TypeError);
      assert.deepEqual(await modesOf(segment.locks, "a"), [["exclusive"], []]);
      first.release();
      await first.ended;
    },
  );

  itInBothSegments("uses the bytes of a name again", async (segment) => {
    const { locks } = segment;
    await locks.request("first", () => {});
    const { free } = segment;
    for (let i = 0; i < 500; i++) {
      await locks.request(
        `name ${i}`,
        async () => await locks.request(`${i}`.repeat(20), () => {}),
      );
    }
    assert.equal(segment.free, free);
  });

  itInBothSegments("fills a segment, says so, and goes on afterwards", async (segment) => {
    const { locks } = segment;
    const held: ReturnType<typeof hold>[] = [];
    for (;;) {
      const one = hold(locks, `a rather long name for a lock ${held.length}`);
      const isGranted = await Promise.race([
        one.granted.then(() => true),
        one.ended.catch((error) => {
          assert.ok(error instanceof RangeError, String(error));
          assert.match(error.message, /no room for more than \d+ names and requests/);
          return false;
        }),
      ]);
      if (isGranted !== true) break;
      held.push(one);
    }
    assert.ok(held.length > 100, `only ${held.length}`);
    assert.equal((await locks.query()).held.length, held.length);
    held[7].release();
    await held[7].ended;
    await locks.request("short", () => {});
    for (const { release } of held) release();
    await Promise.all(held.map(({ ended }) => ended));
    await assertEmpty(locks);
  }, { size: 65536, maxSize: 65536 });

  it("grows with its segment", { timeout: 60_000 }, async () => {
    const name = `interlock-test-${crypto.randomUUID()}`;
    const open = () => Segment.open(name, { size: 65536, maxSize: 2 ** 22 });
    const [one, two] = [open(), open()];
    try {
      const before = two.locks;
      const held = Array.from({ length: 3000 }, (_, i) => hold(one.locks, `name ${i}`));
      const waiting = Array.from({ length: 50 }, (_, i) => hold(before, `name ${i}`));
      assert.ok(one.size > 65536);
      const { held: seen, pending } = await before.query();
      assert.deepEqual([seen.length, pending.length], [3000, 50]);
      for (const { release } of held) release();
      await Promise.all(held.map(({ ended }) => ended));
      for (const { granted, release, ended } of waiting) {
        await granted;
        release();
        await ended;
      }
      await assertEmpty(one.locks);
    } finally {
      one.close();
      two.close();
      Segment.remove(name);
    }
  });
});
