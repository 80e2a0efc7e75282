/**
 * A process that sends to a channel, or receives from it, until it is closed; see
 * {@linkcode serveAgent}.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ChannelClosedError } from "../../../src/contract/mod.ts";
import { randomOf } from "../../support/random.ts";
import { serveAgent } from "../serve_agent.ts";
import { bytesOf, messageOf, StressChannel } from "./stress_channel.ts";

/** What an agent does. */
export interface ChannelWorkload {
  readonly path: string;
  readonly size: number;
  readonly role: "send" | "receive";
  readonly number: number;
  readonly seed: number;
}

/** How many messages are sent or received in one way, one after the other. */
const BURST = 100;

async function send(stress: StressChannel, sender: number, random: () => number): Promise<void> {
  const { channel, ids, size } = stress;
  try {
    for (;;) {
      const way = random();
      for (let i = 0; i < BURST; i++) {
        const id = ids.fetchAdd();
        if (id >= size) break;
        const message = { sender, id };
        const sent = way < 0.1 ? message : bytesOf(message);
        if (way > 0.9) await channel.send(sent);
        else if (way < 0.8 || !channel.trySend(sent)) channel.sendSync(sent);
        stress.noteSent(id);
      }
      await sleep(ids.value < size ? 0 : 5); // Messages of the parent must arrive.
      if (channel.closed) return;
    }
  } catch (error) {
    if (!(error instanceof ChannelClosedError)) throw error;
  }
}

async function receive(stress: StressChannel, random: () => number): Promise<void> {
  const { channel } = stress;
  /** The last number from each sender. */
  const last = new Map<number, number>();
  for (;;) {
    const way = random();
    for (let i = 0; i < BURST; i++) {
      const received = way > 0.9
        ? await channel.receive()
        : (way > 0.8 ? channel.tryReceive() : undefined) ?? channel.receiveSync();
      if (received === undefined) return;
      const { sender, id } = messageOf(received);
      stress.noteReceived(id);
      if (id <= (last.get(sender) ?? -1)) stress.violations.add();
      last.set(sender, id);
    }
    await sleep(0);
  }
}

serveAgent(({ path, size, role, number, seed }: ChannelWorkload) => {
  const stress = new StressChannel(path, size);
  const random = randomOf(seed);
  return () => role === "send" ? send(stress, number, random) : receive(stress, random);
});
