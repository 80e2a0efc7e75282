/**
 * Sends 64 bytes again and again, or measures how long it takes to receive them:
 *
 * - `channel.ts send MEMORY`, `channel.ts receive MEMORY LEAD WINDOW`: two processes
 * - `channel.ts threads|post LEAD WINDOW`: a process and its worker, by a channel or by postMessage
 *
 * The receiver does so for LEAD nanoseconds from the first message on, and then tells how many
 * nanoseconds a message takes in the next WINDOW.
 *
 * @module
 */
import process from "node:process";
import { dieWith } from "../../src/counting/host.ts";
import { messageLine } from "../../src/host/message.ts";
import { Channel, Memory, type MemoryHandle } from "../../src/memory/mod.ts";
import { adapter, monotonicNanoseconds } from "../../src/runtime/mod.ts";

const OPTIONS = { capacity: 1024, messageBytes: 64 };
const BYTES = Channel.bytes(OPTIONS);
/** How many messages are received between two looks at the clock. */
const CHUNK = 256;
/** How many messages are posted at once, since postMessage itself never waits. */
const MOST_POSTED = 4096;

/** The times of a measurement, in nanoseconds. */
interface Times {
  readonly lead: number;
  readonly window: number;
}
/** What a worker receives from. */
type Source = Times & ({ readonly handle: MemoryHandle } | { readonly seen: SharedArrayBuffer });

/** Counts messages, from the lead on; returns the time of one when the window is over. */
function meter({ lead, window }: Times): () => number | undefined {
  let [count, begin, from] = [0, 0, 0];
  return () => {
    if (count++ % CHUNK !== 0) return undefined;
    const now = monotonicNanoseconds();
    begin ||= now + lead;
    if (from === 0 && now >= begin) [count, from] = [1, now];
    return from !== 0 && now >= from + window ? (now - from) / (count - 1) : undefined;
  };
}

function receive(channel: Channel<Uint8Array>, times: Times): number {
  const measure = meter(times);
  for (;;) {
    if (channel.receiveSync()!.length !== 64) throw new Error("another message was received");
    const ns = measure();
    if (ns !== undefined) return ns;
  }
}

/** Sends until the channel is closed. */
function send(channel: Channel<Uint8Array>): void {
  const message = new Uint8Array(64);
  try {
    for (;;) channel.sendSync(message);
  } catch (error) {
    if ((error as Error).name !== "ChannelClosedError") throw error;
  }
}

/** Tells the result. */
const tell = (ns: unknown) => void process.stdout.write(messageLine(ns));

function beWorker(parent: NonNullable<ReturnType<typeof adapter.parentThread>>): void {
  let take: ((message: unknown) => void) | undefined;
  parent.onMessage((message) => {
    if (take !== undefined) return take(message);
    const source = message as Source;
    parent.postMessage("ready");
    if ("handle" in source) {
      const channel = new Channel<Uint8Array>(Memory.from(source.handle), 0, OPTIONS);
      // Later, since what was posted before must leave this thread, which blocks then.
      setTimeout(() => {
        const ns = receive(channel, source);
        channel.close();
        parent.postMessage(ns);
      }, 10);
      return;
    }
    const seen = new Int32Array(source.seen);
    const measure = meter(source);
    take = () => {
      Atomics.add(seen, 0, 1);
      const ns = measure();
      if (ns === undefined) return;
      take = () => {};
      parent.postMessage(ns);
    };
  });
}

async function beParent(role: string, lead: number, window: number): Promise<void> {
  const thread = adapter.spawnWorker(new URL(import.meta.url));
  let isOver = false;
  const first = Promise.withResolvers<void>();
  thread.onError((error) => {
    throw error;
  });
  thread.onMessage((message) => {
    if (message === "ready") return first.resolve();
    isOver = true;
    tell(message);
  });
  if (role === "threads") {
    const memory = Memory.anonymous(BYTES);
    thread.postMessage({ lead, window, handle: memory.handle! } satisfies Source);
    await first.promise;
    return send(new Channel(memory, 0, OPTIONS));
  }
  const seen = new SharedArrayBuffer(4);
  thread.postMessage({ lead, window, seen } satisfies Source);
  await first.promise;
  const words = new Int32Array(seen);
  const message = new Uint8Array(64);
  for (let posted = 0; !isOver;) {
    while (posted - Atomics.load(words, 0) < MOST_POSTED) {
      thread.postMessage(message);
      posted++;
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

const parent = adapter.parentThread();
if (parent !== undefined) beWorker(parent);
else {
  dieWith(process.ppid);
  const [role, ...args] = process.argv.slice(2);
  if (role === "send" || role === "receive") {
    const channel = new Channel<Uint8Array>(Memory.map(args[0], BYTES), 0, OPTIONS);
    const [lead, window] = args.slice(1).map(Number);
    if (role === "send") send(channel);
    else tell(receive(channel, { lead, window }));
  } else await beParent(role, Number(args[0]), Number(args[1]));
}
