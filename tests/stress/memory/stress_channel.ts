import assert from "node:assert/strict";
import { regionOf } from "../../../src/memory/memory.ts";
import { AtomicCounter, Channel, Memory } from "../../../src/memory/mod.ts";
import type { Region } from "../../../src/memory/region.ts";

const OPTIONS = { capacity: 64, messageBytes: 128 };
const LINE = 128;
const BITS = 2 * LINE;

/** What is sent; as bytes, with a filling that follows from its number. */
export interface StressMessage {
  readonly sender: number;
  readonly id: number;
}

/**
 * A channel, and a bit for each message that was sent and for each that was received. The numbers of
 * the messages of one sender rise.
 */
export class StressChannel implements Disposable {
  readonly memory: Memory;
  readonly channel: Channel;
  /** The number of the next message. */
  readonly ids: AtomicCounter;
  /** Messages that were received twice, or changed, or not in order. */
  readonly violations: AtomicCounter;
  readonly size: number;
  readonly #region: Region;
  readonly #sent: number;
  readonly #received: number;

  constructor(path: string, size: number) {
    const bytes = Math.ceil(size / 1024) * 128;
    const at = BITS + 2 * bytes;
    this.memory = Memory.map(path, at + Channel.bytes(OPTIONS));
    this.channel = new Channel(this.memory, at, OPTIONS);
    this.ids = new AtomicCounter(this.memory, 0);
    this.violations = new AtomicCounter(this.memory, LINE);
    this.size = size;
    this.#region = regionOf(this.memory);
    this.#sent = this.#region.resolve(BITS, bytes, 4);
    this.#received = this.#sent + bytes;
  }

  noteSent(id: number): void {
    this.#set(this.#sent, id);
  }

  noteReceived(id: number): void {
    if (!(id >= 0 && id < this.size) || !this.#set(this.#received, id)) this.violations.add();
  }

  /** Sets the bit of a message; false if it was set. */
  #set(bits: number, id: number): boolean {
    const { atomics } = this.#region;
    const at = bits + (id >> 5) * 4;
    const bit = 1 << (id & 31);
    for (;;) {
      const word = atomics.load32(at);
      if ((word & bit) !== 0) return false;
      if (atomics.compareExchange32(at, word, word | bit) === word) return true;
    }
  }

  /** How many messages were received, and how many were sent and not received. */
  count(): { received: number; missing: number } {
    const { atomics } = this.#region;
    let [received, missing] = [0, 0];
    for (let id = 0; id < this.size; id++) {
      const at = (id >> 5) * 4;
      const bit = 1 << (id & 31);
      const isReceived = (atomics.load32(this.#received + at) & bit) !== 0;
      if (isReceived) received++;
      else if ((atomics.load32(this.#sent + at) & bit) !== 0) missing++;
    }
    return { received, missing };
  }

  [Symbol.dispose](): void {
    this.memory.close();
  }
}

/** The message as bytes of a length that follows from its number. */
export function bytesOf({ sender, id }: StressMessage): Uint8Array {
  const words = new Int32Array(2 + id % 15).fill(id);
  words[0] = sender;
  return new Uint8Array(words.buffer);
}

/** The message in what was received, which is checked. */
export function messageOf(received: unknown): StressMessage {
  if (!(received instanceof Uint8Array)) return received as StressMessage;
  const [sender, id] = new Int32Array(received.slice().buffer);
  assert.deepEqual(received, bytesOf({ sender, id }), "a message is not what was sent");
  return { sender, id };
}
