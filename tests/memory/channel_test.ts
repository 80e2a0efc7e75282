import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createContext, runInContext } from "node:vm";
import { ChannelClosedError, SegmentFormatError } from "../../src/contract/mod.ts";
import { CHANNEL, CHANNEL_END } from "../../src/memory/layout.ts";
import { regionOf } from "../../src/memory/memory.ts";
import { Channel, type ChannelOptions, Memory } from "../../src/memory/mod.ts";
import {
  WRONG_OPTIONS,
  WRONG_SIGNALS,
  WRONG_TIMEOUT_RANGES,
  WRONG_TIMEOUT_TYPES,
} from "../contract/wrong_arguments.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { ourError } from "../support/our_error.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const TIMED_OUT = { name: "TimeoutError" };
const THREE = { capacity: 3, messageBytes: 64 };
/** One of each kind, and of several lengths. */
const MESSAGES: readonly unknown[] = [
  null,
  true,
  0,
  -1.5,
  "",
  "text",
  "\ud83d\ude00 \ud800",
  [],
  [1, [2, "3"]],
  { a: { b: null } },
  ...[0, 1, 2, 3, 4, 5, 63, 64].map(bytesOf),
];

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 7 * i + length);
}

/** A channel, and another object of it. */
function pairOf<T = unknown>(
  memory: Memory,
  again: () => Memory,
  options: ChannelOptions = THREE,
): [Channel<T>, Channel<T>] {
  return [new Channel<T>(memory, 0, options), new Channel<T>(again(), 0, options)];
}

/** A word of the channel at offset 0, counted from its beginning. */
function wordOf(memory: Memory, at: number): { value: number } {
  const region = regionOf(memory);
  const where = region.resolve(at, 4, 4);
  return {
    get value() {
      return region.atomics.load32(where);
    },
    set value(value) {
      region.atomics.store32(where, value);
    },
  };
}

describe("Channel", () => {
  it("takes offsets inside of the memory that are multiples of 8", () => {
    assertOffsets((memory, offset) => new Channel(memory, offset, THREE), Channel.bytes(THREE), 8);
  });

  it("takes 1 to 2^20 messages of 1 to 2^24 bytes, 512 if nothing is said", () => {
    const memory = Memory.anonymous(Channel.bytes({ capacity: 2 ** 20, messageBytes: 1 }));
    assert.equal(new Channel(memory, 0, { capacity: 1 }).messageBytes, 512);
    for (const capacity of [1, 2 ** 20]) {
      const channel = new Channel(memory, 0, { capacity, messageBytes: 1 });
      assert.deepEqual([channel.capacity, channel.size, channel.lost], [capacity, 0, 0]);
    }
    assert.equal(new Channel(memory, 0, { capacity: 1, messageBytes: 2 ** 24 }).capacity, 1);
    assert.throws(
      () => new Channel(memory, 0, { capacity: 2, messageBytes: 2 ** 24 }),
      /Cannot use \d+ bytes at offset 0/,
    );
    for (const value of [0, -1, 2 ** 24 + 1, 1.5, NaN, Infinity, "1", null, 1n]) {
      const type = Number.isInteger(value) ? RangeError : TypeError;
      const wrong = value as number;
      for (const options of [{ capacity: wrong }, { capacity: 1, messageBytes: wrong }]) {
        assert.throws(() => new Channel(memory, 0, options), ourError(type), String(value));
        assert.throws(() => Channel.bytes(options), ourError(type));
      }
    }
    for (const options of [...WRONG_OPTIONS, undefined, {}]) {
      const make = () => new Channel(memory, 0, options as ChannelOptions);
      assert.throws(make, ourError(TypeError));
    }
  });

  itInBoth("carries bytes and JSON values, unchanged", async (memory, again) => {
    const [channel, other] = pairOf(memory, again);
    const got: unknown[] = [];
    // Twice, so that each place is used for each kind.
    for (const message of [...MESSAGES, ...MESSAGES]) {
      channel.sendSync(message);
      got.push(other.receiveSync());
      await other.send(message);
      got.push(await channel.receive());
      assert.equal(channel.trySend(message), true);
      got.push(other.tryReceive());
    }
    // Later ones have not changed what was received before.
    assert.deepEqual(got, [...MESSAGES, ...MESSAGES].flatMap((one) => [one, one, one]));
    assert.deepEqual([channel.size, channel.lost], [0, 0]);
  });

  itInBoth("carries long messages", (memory, again) => {
    const options = { capacity: 3, messageBytes: 10_000 };
    const [channel, other] = pairOf(memory, again, options);
    for (const length of [255, 256, 257, 1000, 9_999, 10_000]) {
      for (const message of [bytesOf(length), "x".repeat(length - 2)]) {
        channel.sendSync(message);
        assert.deepEqual(other.receiveSync(), message);
      }
    }
  });

  it("takes a Uint8Array of any kind, and no other view", () => {
    const channel = new Channel(Memory.anonymous(1), 0, THREE);
    const part = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4);
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set(part);
    const foreign = runInContext("new Uint8Array([1, 2, 3])", createContext({}));
    for (const bytes of [part, shared, Buffer.from(part), foreign]) {
      channel.sendSync(bytes);
      const got = channel.receiveSync() as Uint8Array;
      assert.deepEqual([...got], [1, 2, 3]);
      assert.ok(got.buffer instanceof ArrayBuffer);
    }
    for (const view of [new Int8Array(1), new DataView(new ArrayBuffer(1)), new ArrayBuffer(1)]) {
      assert.throws(() => channel.sendSync(view), ourError(TypeError));
    }
    assert.equal(channel.size, 0);
  });

  itInBoth("refuses bytes that were transferred, and sends nothing", async (memory) => {
    const channel = new Channel(memory, 0, THREE);
    const bytes = new Uint8Array(2);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    assert.throws(() => channel.trySend(bytes), ourError(TypeError));
    assert.throws(() => channel.sendSync(bytes), ourError(TypeError));
    await assert.rejects(channel.send(bytes), ourError(TypeError));
    assert.equal(channel.size, 0);
    channel.sendSync(new Uint8Array());
    assert.deepEqual(channel.tryReceive(), new Uint8Array());
  });

  itInBoth("keeps as many messages as its capacity, in their order", async (memory, again) => {
    for (const capacity of [1, 3]) {
      const [channel, other] = pairOf<number>(memory, again, { capacity, messageBytes: 64 });
      let [sent, received] = [0, 0];
      for (let round = 0; round < 4 * capacity + 2; round++) {
        while (channel.size < capacity) assert.equal(channel.trySend(sent++), true);
        assert.equal(channel.trySend(-1), false);
        const isLate = { ...TIMED_OUT, message: new RegExp(`full, with ${capacity} mess`) };
        assert.throws(() => channel.sendSync(-1, { timeout: 0 }), isLate);
        await assert.rejects(channel.send(-1, { timeout: 1 }), isLate);
        assert.equal(other.size, capacity);
        for (let i = 0; i <= round % capacity; i++) assert.equal(other.receiveSync(), received++);
      }
      while (received < sent) assert.equal(other.tryReceive(), received++);
      assert.equal(other.tryReceive(), undefined);
      const isLate = { ...TIMED_OUT, message: /it is empty/ };
      assert.throws(() => other.receiveSync({ timeout: 1 }), isLate);
      await assert.rejects(other.receive({ timeout: 1 }), isLate);
      memory = Memory.anonymous(1);
      again = () => Memory.from(memory.handle!);
    }
  });

  itInBoth("refuses a message that is too long, or none, and sends nothing", async (memory) => {
    const channel = new Channel(memory, 0, THREE);
    const refuse = async (message: unknown, type: new (message: string) => Error) => {
      assert.throws(() => channel.sendSync(message), ourError(type));
      assert.throws(() => channel.trySend(message), ourError(type));
      await assert.rejects(channel.send(message), ourError(type));
    };
    await refuse(bytesOf(65), RangeError);
    await refuse("x".repeat(63), RangeError);
    await refuse("\u20ac".repeat(21), RangeError);
    assert.throws(() => channel.sendSync(bytesOf(65)), /65 bytes.*64 at most.*messageBytes/);
    const circle: unknown[] = [];
    circle.push(circle);
    for (
      const message of [undefined, () => {}, Symbol("1"), 1n, NaN, [undefined], new Map(), circle]
    ) {
      await refuse(message, TypeError);
    }
    assert.equal(channel.size, 0);
    for (let i = 0; i < 3; i++) channel.sendSync(i);
    await refuse(bytesOf(65), RangeError); // Not only when it is its turn.
  });

  itInBoth("refuses wrong options, and nothing is sent or received", async (memory) => {
    const channel = new Channel(memory, 0, THREE);
    channel.sendSync(1);
    type Options = Parameters<Channel["receive"]>[0];
    const refuse = async (options: Options, type: new (message: string) => Error) => {
      assert.throws(() => channel.sendSync(2, options), ourError(type));
      await assert.rejects(channel.send(2, options), ourError(type));
      assert.throws(() => channel.receiveSync(options), ourError(type));
      await assert.rejects(channel.receive(options), ourError(type));
    };
    for (const options of WRONG_OPTIONS) await refuse(options, TypeError);
    for (const timeout of WRONG_TIMEOUT_RANGES) await refuse({ timeout }, RangeError);
    for (const timeout of WRONG_TIMEOUT_TYPES) await refuse({ timeout }, TypeError);
    for (const signal of WRONG_SIGNALS) await refuse({ signal }, TypeError);
    assert.equal(channel.size, 1);
  });

  itInBoth("gives up with the reason of a signal, and loses nothing", async (memory, again) => {
    const [channel, other] = pairOf<number>(memory, again);
    const reason = new Error("enough");
    const aborted = { signal: AbortSignal.abort(reason) };
    channel.sendSync(1);
    assert.throws(() => channel.sendSync(2, aborted), reason);
    await assert.rejects(channel.send(2, aborted), reason);
    assert.throws(() => channel.receiveSync(aborted), reason);
    await assert.rejects(channel.receive(aborted), reason);
    assert.equal(channel.receiveSync(), 1);
    const controllers = [0, 1, 2].map(() => new AbortController());
    const waits = controllers.map(({ signal }) => channel.receive({ signal }));
    controllers[0].abort(reason);
    controllers[2].abort(reason);
    await assert.rejects(waits[0], reason);
    await assert.rejects(waits[2], reason);
    other.sendSync(3);
    assert.equal(await waits[1], 3);
    const aborting = () =>
      lookingSignal((look) => {
        if (look === 4) throw reason;
      });
    assert.throws(() => channel.receiveSync({ signal: aborting() }), reason);
    const sending = lookingSignal((look) => void (look === 4 && other.sendSync(4)));
    assert.equal(channel.receiveSync({ signal: sending }), 4);
    for (let i = 0; i < 3; i++) channel.sendSync(i);
    assert.throws(() => channel.sendSync(3, { signal: aborting() }), reason);
    const taking = lookingSignal((look) => void (look === 4 && other.receiveSync()));
    channel.sendSync(3, { signal: taking });
    assert.deepEqual([1, 2, 3].map(() => channel.tryReceive()), [1, 2, 3]);
  });

  itInBoth("wakes the tasks that wait, in the order in which they asked", async (memory, again) => {
    const [channel, other] = pairOf<number>(memory, again);
    const all = Array.from({ length: 50 }, (_, i) => i);
    const received = Promise.all(all.map(() => channel.receive()));
    for (const i of all) await other.send(i);
    assert.deepEqual(await received, all);
    const sent = Promise.all(all.map((i) => other.send(i)));
    for (const i of all) assert.equal(await channel.receive(), i);
    await sent;
  });

  itInBoth("copies the bytes of a message before it waits", async (memory, again) => {
    const [channel, other] = pairOf<Uint8Array>(memory, again);
    for (let i = 0; i < 3; i++) channel.sendSync(bytesOf(i));
    const bytes = bytesOf(3);
    const sent = channel.send(bytes);
    bytes.fill(0);
    for (let i = 0; i <= 3; i++) assert.deepEqual(await other.receive(), bytesOf(i));
    await sent;
  });

  itInBoth(
    "is closed for all: what is left is received, and no more sent",
    async (memory, again) => {
      const [channel, other] = pairOf<number>(memory, again);
      channel.sendSync(1);
      channel.sendSync(2);
      assert.equal(other.closed, false);
      other.close();
      other.close();
      assert.deepEqual([channel.closed, channel.size], [true, 2]);
      assert.throws(() => channel.sendSync(3), ChannelClosedError);
      assert.throws(() => channel.trySend(3), ChannelClosedError);
      await assert.rejects(channel.send(3), ChannelClosedError);
      assert.equal(channel.receiveSync(), 1);
      assert.equal(await channel.receive(), 2);
      for (let i = 0; i < 2; i++) {
        assert.equal(channel.receiveSync(), undefined);
        assert.equal(channel.tryReceive(), undefined);
        assert.equal(await other.receive(), undefined);
      }
      assert.equal(channel.size, 0);
    },
  );

  itInBoth("ends the waits of all when it is closed", async (memory, again) => {
    const [channel, other] = pairOf<number>(memory, again);
    const receives = Array.from({ length: 20 }, () => channel.receive());
    await assert.rejects(other.receive({ timeout: 1 }), TIMED_OUT);
    other.close();
    assert.deepEqual(new Set(await Promise.all(receives)), new Set([undefined]));
    const full = Memory.anonymous(1);
    const sender = new Channel<number>(full, 0, { capacity: 1 });
    sender.sendSync(0);
    const sends = Array.from({ length: 20 }, (_, i) => sender.send(i));
    const ends = Promise.allSettled(sends);
    sender.close();
    for (const end of await ends) {
      assert.ok(end.status === "rejected" && end.reason instanceof ChannelClosedError);
    }
    const [third] = pairOf<number>(Memory.anonymous(1), again);
    const closing = lookingSignal((look) => void (look === 4 && third.close()));
    assert.equal(third.receiveSync({ signal: closing }), undefined);
  });

  itInBoth("is iterated until it is closed and empty", async (memory, again) => {
    const [channel, other] = pairOf<number>(memory, again);
    const got: number[] = [];
    const iteration = (async () => {
      for await (const message of channel) got.push(message);
    })();
    for (let i = 0; i < 10; i++) await other.send(i);
    other.close();
    await iteration;
    assert.deepEqual(got, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const sync = new Channel<number>(Memory.anonymous(1), 0, THREE);
    for (let i = 0; i < 3; i++) sync.sendSync(i);
    for (const message of sync) if (message === 0) break;
    assert.equal(sync.size, 2, "an iteration that ends early receives nothing more");
    sync.close();
    assert.deepEqual([...sync], [1, 2]);
  });

  itInBoth("rejects everything after the close of its memory", async (memory, again) => {
    const opened = again();
    const channel = new Channel<number>(opened, 0, THREE);
    const waiting = assert.rejects(channel.receive(), TypeError);
    opened.close();
    await waiting;
    assert.throws(() => channel.sendSync(1), TypeError);
    assert.throws(() => channel.trySend(1), TypeError);
    assert.throws(() => channel.receiveSync(), TypeError);
    assert.throws(() => channel.tryReceive(), TypeError);
    for (const look of ["size", "lost", "closed"] as const) {
      assert.throws(() => channel[look], TypeError);
    }
    assert.throws(() => channel.close(), TypeError);
    await assert.rejects(channel.send(1), TypeError);
    await assert.rejects(channel.receive(), TypeError);
    assert.equal(new Channel(memory, 0, THREE).size, 0);
  });

  itInBoth("skips a damaged message, and says so", async (memory, again) => {
    const [channel, other] = pairOf<unknown>(memory, again);
    const [length, kind, text] = [0, 4, 8].map((at) => wordOf(memory, CHANNEL.places + at));
    const isDamaged = (error: unknown) =>
      ourError(SegmentFormatError)(error) && /skipped/.test((error as Error).message);
    const damages = [
      () => length.value = 65,
      () => length.value = -1,
      () => length.value = 0x7fffffff,
      () => kind.value = 0,
      () => kind.value = 3,
      () => text.value = 0x7b7b7b7b,
      () => text.value = -1,
      () => length.value = 0,
    ];
    for (const [i, damage] of damages.entries()) {
      channel.sendSync("good");
      damage();
      channel.sendSync("better");
      if (i % 2 === 0) assert.throws(() => other.receiveSync(), isDamaged, `damage ${i}`);
      else await assert.rejects(other.receive(), isDamaged, `damage ${i}`);
      assert.equal(other.receiveSync(), "better");
      channel.sendSync(0); // Until the first place is the next.
      assert.equal(other.receiveSync(), 0);
    }
    assert.equal(channel.lost, 0);
  });

  itInBoth("refuses positions that cannot be", async (memory, again) => {
    const [channel, other] = pairOf<unknown>(memory, again);
    const isDamaged = ourError(SegmentFormatError);
    const [senders, receivers] = [CHANNEL.senders, CHANNEL.receivers]
      .map((end) => wordOf(memory, end + CHANNEL_END.position));
    const refuse = async () => {
      assert.throws(() => channel.sendSync(1, { timeout: 5 }), isDamaged);
      await assert.rejects(channel.send(1, { timeout: 5 }), isDamaged);
      assert.throws(() => channel.trySend(1), isDamaged);
      assert.throws(() => other.receiveSync({ timeout: 5 }), isDamaged);
      await assert.rejects(other.receive({ timeout: 5 }), isDamaged);
      assert.throws(() => other.tryReceive(), isDamaged);
    };
    for (const position of [6, -1, 0x7fffffff & ~0x40000000, -0x80000000, 4]) {
      senders.value = position;
      await refuse();
      senders.value = 0;
    }
    receivers.value = 3;
    channel.sendSync(1);
    receivers.value = 0;
    assert.equal(other.receiveSync(), 1);
  });
});
