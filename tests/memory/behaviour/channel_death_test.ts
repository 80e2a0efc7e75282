import assert from "node:assert/strict";
import { channel as diagnosticsOf } from "node:diagnostics_channel";
import { describe, it } from "node:test";
import type { LockEvent } from "../../../src/diagnostics.ts";
import "../../../src/diagnostics.ts";
import { CHANNEL, CHANNEL_END } from "../../../src/memory/layout.ts";
import { attachmentOf } from "../../../src/memory/memory.ts";
import { Channel } from "../../../src/memory/mod.ts";
import type { Child } from "../../support/child.ts";
import { RUNTIMES } from "../fixtures/lock_agents.ts";
import {
  kill,
  outcomeOf,
  perform,
  type PrimitiveGroup,
  tell,
  withPrimitive,
} from "../fixtures/primitive_group.ts";

const LIMIT = { timeout: 60_000 };
/** As the processes use it. */
const OPTIONS = { capacity: 3, messageBytes: 64 };
const WAYS = ["sync", "try", "async"] as const;

type Group = PrimitiveGroup<Channel>;
const withGroup = (body: (group: Group) => Promise<void>) =>
  withPrimitive(
    "channel",
    Channel.bytes(OPTIONS),
    (memory) => new Channel(memory, 0, OPTIONS),
    body,
  );

/** A word of an end. */
function wordAt({ memory }: Group, end: number, name: keyof typeof CHANNEL_END) {
  const { region } = attachmentOf(memory);
  const at = region.resolve(end + CHANNEL_END[name], 4, 4);
  return {
    read: () => region.atomics.load32(at),
    write: (value: number) => region.atomics.store32(at, value),
  };
}

/**
 * Kills a process as if in the middle of a step: it has the turn of an end, and what it changes first
 * is one ahead.
 */
function giveTurn(group: Group, end: number, { pid }: Child, ahead?: "position" | "mark"): void {
  const { threads } = attachmentOf(group.memory);
  const turn = threads.list().find((identity) => threads.describe(identity)?.pid === pid)!;
  const position = wordAt(group, end, "position").read();
  wordAt(group, end, "turn").write(turn);
  const next = (position + 1) % (2 * OPTIONS.capacity);
  if (end === CHANNEL.receivers) {
    wordAt(group, end, "seen").write(wordAt(group, CHANNEL.senders, "position").read());
  }
  if (ahead !== undefined) wordAt(group, end, ahead).write(next);
}

describe("A channel of processes", () => {
  it(
    "carries messages from each runtime to each, in every way",
    LIMIT,
    withGroup(async (group) => {
      const children = await Promise.all(RUNTIMES.map((name) => group.start(name)));
      for (const way of WAYS) {
        for (const from of children) {
          for (const to of children) {
            const message = { way, text: "\u20ac", from: from.pid };
            assert.equal((await perform(from, { act: "give", way, message })).got, true);
            assert.deepEqual((await perform(to, { act: "take", way })).message, message);
          }
        }
      }
    }),
  );

  it(
    "ends the waits of all when it is closed",
    LIMIT,
    withGroup(async (group) => {
      const children = await Promise.all(
        [...RUNTIMES, ...RUNTIMES].map((name) => group.start(name)),
      );
      for (const [i, child] of children.entries()) {
        tell(child, { act: "take", way: i % 2 === 0 ? "sync" : "async" });
        await group.waits(child);
      }
      group.lock.close();
      for (const child of children) assert.deepEqual(await outcomeOf(child), { got: false });
      for (const child of children) {
        const { error } = await perform(child, { act: "give", message: 1 });
        assert.equal(error, "ChannelClosedError");
      }
    }),
  );

  for (const name of RUNTIMES) {
    it(
      `goes on after senders and receivers were killed while they waited: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        /** Starts processes that wait, blocked or by a task, and kills the first of each. */
        const survivors = async (act: "take" | "give") => {
          const children = await Promise.all([1, 2, 3, 4].map(() => group.start(name)));
          for (const [i, child] of children.entries()) {
            tell(child, { act, way: i % 2 === 0 ? "sync" : "async", message: i });
            await group.waits(child);
          }
          for (const child of children.slice(0, 2)) await kill(child);
          return children.slice(2);
        };
        const receivers = await survivors("take");
        for (const i of [1, 2]) group.lock.sendSync(i);
        const got = await Promise.all(receivers.map(outcomeOf));
        assert.deepEqual(got.map(({ message }) => message).sort(), [1, 2]);
        for (let i = 0; i < OPTIONS.capacity; i++) group.lock.sendSync(i);
        const senders = await survivors("give");
        const rest: unknown[] = [];
        while (rest.length < OPTIONS.capacity + 2) rest.push(group.lock.receiveSync());
        assert.deepEqual(rest.slice(0, 3), [0, 1, 2]);
        assert.deepEqual(rest.slice(3).sort(), [2, 3]);
        for (const child of senders) assert.equal((await outcomeOf(child)).got, true);
        assert.deepEqual([group.lock.size, group.lock.lost], [0, 0]);
      }),
    );

    it(
      `loses the message of a sender that was killed in the middle, and counts it: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        let lost = 0;
        const other = await group.start(name);
        for (const [i, way] of WAYS.entries()) {
          for (const isWriting of i === 0 ? [true, false] : [true]) {
            const sender = await group.start(name);
            await perform(sender, { act: "give", message: "before" });
            giveTurn(group, CHANNEL.senders, sender, isWriting ? "mark" : undefined);
            assert.equal(group.lock.trySend("refused"), false, "its sender lives");
            await kill(sender);
            assert.equal((await perform(other, { act: "give", way, message: "after" })).got, true);
            if (isWriting) lost++;
            assert.equal(group.lock.lost, lost);
            for (const message of ["before", "after", undefined]) {
              assert.equal(group.lock.tryReceive(), message);
            }
          }
        }
      }),
    );

    it(
      `loses at most the message of a receiver that was killed in the middle: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        let lost = 0;
        const other = await group.start(name);
        for (const [i, way] of WAYS.entries()) {
          for (const isTaken of i === 0 ? [true, false] : [true]) {
            const receiver = await group.start(name);
            for (const message of ["first", "second"]) group.lock.sendSync(message);
            giveTurn(group, CHANNEL.receivers, receiver, isTaken ? "position" : undefined);
            assert.equal(group.lock.tryReceive(), undefined, "its receiver lives");
            await kill(receiver);
            const { message } = await perform(other, { act: "take", way });
            assert.equal(message, isTaken ? "second" : "first");
            if (isTaken) lost++;
            else assert.equal(group.lock.receiveSync(), "second");
            assert.deepEqual([group.lock.lost, group.lock.size], [lost, 0]);
          }
        }
      }),
    );

    it(
      `wakes those who wait for the turn of one that was killed: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        const children = await Promise.all([1, 2, 3, 4, 5].map(() => group.start(name)));
        const [dead, ...waiters] = children;
        group.lock.sendSync("there");
        giveTurn(group, CHANNEL.senders, dead, "mark");
        giveTurn(group, CHANNEL.receivers, dead);
        for (const [i, child] of waiters.entries()) {
          const way = i % 2 === 0 ? "sync" : "async";
          tell(child, { act: i < 2 ? "take" : "give", way, message: "sent" });
          await group.waits(child);
        }
        await kill(dead);
        const got = await Promise.all(waiters.map(outcomeOf));
        const messages = got.slice(0, 2).map(({ message }) => message);
        assert.deepEqual(messages.sort(), ["sent", "there"]);
        assert.deepEqual([group.lock.lost, group.lock.receiveSync()], [1, "sent"]);
      }),
    );
  }

  it(
    "tells those who listen of the death, by its name",
    LIMIT,
    withGroup(async (group) => {
      const events: LockEvent[] = [];
      const listen = (message: unknown) => void events.push(message as LockEvent);
      const recovered = diagnosticsOf("interlock:recovered");
      recovered.subscribe(listen);
      try {
        for (const lostMessages of [1, 0]) {
          const sender = await group.start();
          giveTurn(group, CHANNEL.senders, sender, lostMessages > 0 ? "mark" : undefined);
          await kill(sender);
          group.lock.sendSync("next");
          const event = events.pop()!;
          assert.equal(event.previousOwner?.pid, sender.pid);
          assert.deepEqual([event.lostMessages, event.offset], [lostMessages, 0]);
          assert.deepEqual(events, []);
        }
      } finally {
        recovered.unsubscribe(listen);
      }
    }),
  );
});
