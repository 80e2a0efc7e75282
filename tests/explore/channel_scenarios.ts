import { ChannelClosedError } from "../../src/contract/errors.ts";
import { Channel } from "../../src/memory/channel.ts";
import { CHANNEL, CHANNEL_END, HEADER, SLOT } from "../../src/memory/layout.ts";
import type { Scenario } from "./explore.ts";
import { identityOf, slotOf, World } from "./world.ts";

/** Messages that were sent, for certain, and received: bits. Deaths in the middle of a step. */
const [SENT, RECEIVED, LOST, ENDED] = [3, 4, 5, 6];
const AT = HEADER.end;
/** The first message of those that are in the channel from the beginning. */
const FILLED = 29;
const ENDS = [CHANNEL.senders, CHANNEL.receivers];

/** What an actor does with the channel. */
type Part = (channel: Channel<Uint8Array>, world: ChannelWorld, actor: number) => unknown;

/** A memory with a channel. */
class ChannelWorld extends World {
  constructor(actors: number) {
    super(actors, 4);
  }

  /** A step: an actor has sent a message. */
  noteSent(message: number): void {
    this.note("has sent", () => void (this.notes[SENT] |= 1 << message));
  }

  /** A step: an actor has received a message, or learned that there will be none. */
  noteReceived(message: Uint8Array | undefined): void {
    this.note("has received", () => {
      if (message === undefined) this.notes[ENDED] = 1;
      else this.check(message[0]);
    });
  }

  check(message: number): void {
    if (message < 1 || message > 30) throw new Error(`a message is ${message}`);
    const bit = 1 << message;
    if ((this.notes[RECEIVED] & bit) !== 0) throw new Error("a message is received twice");
    this.notes[RECEIVED] |= bit;
  }

  word(end: number, name: keyof typeof CHANNEL_END): number {
    return this.read(AT + end + CHANNEL_END[name]);
  }

  override kill(actor: number): void {
    super.kill(actor);
    for (const end of ENDS) {
      if (this.word(end, "turn") !== identityOf(actor)) continue;
      if (this.word(end, "mark") !== this.word(end, "position")) this.notes[LOST]++;
    }
  }
}

/** The message of an actor: each has its own. */
function messageOf(actor: number, i = 0): Uint8Array {
  return Uint8Array.of(2 * actor + i + 1);
}

/** The parts that send. */
const sending = new Set<Part>();

function sends(part: Part): Part {
  sending.add(part);
  return part;
}

/** Sends `count` messages, blocking the thread. */
const send = (count: number): Part =>
  sends((channel, world, actor) => {
    for (let i = 0; i < count; i++) {
      const message = messageOf(actor, i);
      channel.sendSync(message);
      world.noteSent(message[0]);
    }
  });

/** Receives `count` messages, blocking the thread. */
const receive = (count: number): Part => (channel, world) => {
  for (let i = 0; i < count; i++) world.noteReceived(channel.receiveSync());
};

/** Receives the two messages of actor 0, in their order. */
const receiveInOrder: Part = (channel, world) => {
  for (const i of [0, 1]) {
    const message = channel.receiveSync();
    world.noteReceived(message);
    if (message![0] !== messageOf(0, i)[0]) throw new Error("the messages are not in order");
  }
};

const awaitSend = (count: number): Part => async (channel, world, actor) => {
  for (let i = 0; i < count; i++) {
    const message = messageOf(actor, i);
    await channel.send(message);
    world.noteSent(message[0]);
  }
};
const awaitReceive = (count: number): Part => async (channel, world) => {
  for (let i = 0; i < count; i++) world.noteReceived(await channel.receive());
};

const trySend = sends((channel, world, actor) => {
  const message = messageOf(actor);
  if (channel.trySend(message)) world.noteSent(message[0]);
});
const tryReceive: Part = (channel, world) => {
  const message = channel.tryReceive();
  if (message !== undefined) world.noteReceived(message);
};

/** Does so for a while, and gives up. */
const timed = (part: "send" | "receive"): Part => (channel, world, actor) => {
  const options = { timeout: 3 };
  try {
    if (part === "receive") return world.noteReceived(channel.receiveSync(options));
    channel.sendSync(messageOf(actor), options);
  } catch (error) {
    if ((error as Error).name !== "TimeoutError") throw error;
    return;
  }
  world.noteSent(messageOf(actor)[0]);
};
const timedSend = sends(timed("send"));
const timedReceive = timed("receive");

/** Sends unless the channel is closed. */
const sendIfOpen: Part = (channel, world, actor) => {
  try {
    channel.sendSync(messageOf(actor));
  } catch (error) {
    if (error instanceof ChannelClosedError) return;
    throw error;
  }
  world.noteSent(messageOf(actor)[0]);
};
const close: Part = (channel) => channel.close();

function bitsOf(bits: number): number[] {
  return Array.from({ length: 31 }, (_, bit) => bit).filter((bit) => (bits & 1 << bit) !== 0);
}

function wordsOf(names: readonly (keyof typeof CHANNEL_END)[]): number[] {
  return ENDS.flatMap((end) => names.map((name) => AT + end + CHANNEL_END[name]));
}

function channelScenario(
  name: string,
  capacity: number,
  parts: readonly Part[],
  { filled = 0, ...more }: Partial<Scenario> & { filled?: number } = {},
): Scenario {
  const world = new ChannelWorld(parts.length + 1);
  const options = { capacity, messageBytes: 4 };
  const open = (actor: number) => new Channel<Uint8Array>(world.open(actor), 0, options);
  const places = Array.from({ length: capacity }, (_, i) => AT + CHANNEL.places + 16 * i);
  const there = Array.from({ length: filled }, (_, i) => FILLED + i);
  for (const message of there) open(parts.length).sendSync(Uint8Array.of(message));
  const identities = [0, ...parts.map((_, actor) => identityOf(actor))];
  return {
    name: `channel: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const channel = open(actor);
      return () => part(channel, world, actor);
    })),
    words: [
      // The mark matters only for a death.
      ...wordsOf(["turn", "position", "seen", ...more.deaths ? ["mark", "lost"] as const : []]),
      ...[CHANNEL.sendersWait, CHANNEL.receiversWait].flatMap((at) => [AT + at, AT + at + 16]),
      HEADER.event,
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    // The length and the kind of all messages are the same.
    plain: places.map((at) => at + 8),
    timed: parts.flatMap((part, actor) =>
      part === timedSend || part === timedReceive ? [actor] : []
    ),
    onDeath: (actor) => world.kill(actor),
    check() {
      const wrong = ENDS.find((end) => !identities.includes(world.word(end, "turn")));
      return wrong === undefined ? undefined : "a turn names no actor";
    },
    checkEnd() {
      const channel = open(parts.length);
      const { notes } = world;
      const left: Uint8Array[] = [];
      for (let i = 0; i <= capacity; i++) {
        const message = channel.tryReceive();
        if (message !== undefined) left.push(message);
      }
      if (notes[ENDED] !== 0 && left.length > 0) return "a message came after the end";
      for (const message of left) world.check(message[0]);
      const missing = notes[SENT] & ~notes[RECEIVED];
      const isDead = (actor: number) => world.read(slotOf(actor) + SLOT.gone) !== 0;
      const dead = parts.map((_, actor) => actor).filter(isDead);
      const deaths = dead.length;
      // A receiver that died may have received it.
      if (missing !== 0 && (deaths === 0 || (missing & (missing - 1)) !== 0 && deaths < 2)) {
        return "a message is missing";
      }
      if (parts.some((part, actor) => part === close && !isDead(actor)) && !channel.closed) {
        return "it is open after a close";
      }
      if (!channel.closed && !channel.trySend(Uint8Array.of(31))) return "nothing can be sent";
      const { lost } = channel;
      const begun = dead.filter((actor) => sending.has(parts[actor]));
      const unseen = [
        ...begun.map((actor) => messageOf(actor)[0]),
        ...bitsOf(notes[SENT]),
        ...there,
      ]
        .filter((message, i, all) => all.indexOf(message) === i)
        .filter((message) => (notes[RECEIVED] & 1 << message) === 0);
      // One that dies while it counts a loss leaves it to be counted again.
      if (lost > unseen.length + Math.max(0, deaths - 1)) {
        return "a message is counted as lost that was received";
      }
      // Of several that died one after the other, the later ones may not have counted the first.
      const least = deaths > 1 ? Math.min(1, notes[LOST]) : notes[LOST];
      return lost >= least && lost <= notes[LOST]
        ? undefined
        : `${lost} messages are lost, not ${notes[LOST]}`;
    },
    ...more,
  };
}

/** The scenarios of the channel. */
export function channelScenarios(): Scenario[] {
  const full = { filled: 1 };
  return [
    channelScenario("one sends, one receives", 1, [send(1), receive(1)]),
    channelScenario("full, one sends, one receives", 1, [send(1), receive(1)], full),
    channelScenario("full, one sends, one receives two", 1, [send(1), receive(2)], full),
    channelScenario("one sends two, one receives them in order", 2, [send(2), receiveInOrder]),
    channelScenario("one sends, one receives, one wakes for no reason", 1, [send(1), receive(1)], {
      spurious: 1,
    }),
    channelScenario("two send", 2, [send(1), send(1)]),
    channelScenario("two send, one dies", 2, [send(1), send(1)], { deaths: 1 }),
    channelScenario("two receive", 2, [receive(1), receive(1)], { filled: 2 }),
    channelScenario("two receive, one dies", 2, [receive(1), receive(1)], {
      deaths: 1,
      filled: 2,
    }),
    channelScenario("two await to receive", 2, [awaitReceive(1), awaitReceive(1)], { filled: 2 }),
    channelScenario("one sends, one receives, one dies", 1, [send(1), timedReceive], { deaths: 1 }),
    channelScenario("full, one sends, one receives, one dies", 1, [timedSend, receive(1)], {
      deaths: 1,
      ...full,
    }),
    channelScenario("two try to send, one tries to receive, two die", 2, [
      trySend,
      trySend,
      tryReceive,
    ], { deaths: 2 }),
    channelScenario("one tries to send, two try to receive, two die", 2, [
      trySend,
      tryReceive,
      tryReceive,
    ], { deaths: 2, ...full }),
    channelScenario("one sends, one gives up", 1, [send(1), timedReceive]),
    channelScenario("full, one receives, one gives up", 1, [timedSend, receive(1)], full),
    channelScenario("one awaits to send, one awaits to receive", 1, [
      awaitSend(1),
      awaitReceive(1),
    ]),
    channelScenario("full, one awaits to send, one awaits to receive", 1, [
      awaitSend(1),
      awaitReceive(1),
    ], full),
    channelScenario("one sends, one awaits to receive", 1, [send(1), awaitReceive(1)]),
    channelScenario("full, one awaits to send, one receives", 1, [awaitSend(1), receive(1)], full),
    channelScenario("one sends, one closes", 1, [sendIfOpen, close]),
    channelScenario("full, one sends, one closes", 1, [sendIfOpen, close], full),
    channelScenario("one sends, one closes, one tries to receive", 1, [
      sendIfOpen,
      close,
      tryReceive,
    ]),
    channelScenario("one closes, one receives", 1, [close, receive(1)]),
    channelScenario("one closes, two receive", 1, [close, receive(1), receive(1)], {
      isTooLarge: true,
    }),
    channelScenario("one closes, one awaits", 1, [close, awaitReceive(1)]),
    channelScenario("one closes, one receives, one awaits", 1, [
      close,
      receive(1),
      awaitReceive(1),
    ], { isTooLarge: true }),
  ];
}
