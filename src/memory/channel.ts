import { ChannelClosedError, SegmentFormatError } from "../contract/errors.ts";
import { type AcquireOptions, checkAcquireOptions } from "../contract/options.ts";
import { describeOwner } from "../contract/owner.ts";
import type { Attachment } from "./attachment.ts";
import { ChannelEnd, CLOSED } from "./channel_end.ts";
import { KIND, MessageReader } from "./channel_messages.ts";
import { type ChannelOptions, checkChannelOptions, placeBytes } from "./channel_options.ts";
import { decodeJson, encodeJson, isBytes } from "./json_bytes.ts";
import { CHANNEL, HEADER } from "./layout.ts";
import { attachmentOf, type Memory } from "./memory.ts";
import type { Region } from "./region.ts";
import type { Wait } from "./wait_word.ts";

const [SEND, RECEIVE] = ["send a message", "receive a message"];
/** Looks at a full or an empty channel before sleeping: the time of a few messages. */
const SPINS = 200;
/**
 * A thread that must wait again so soon after a wait, in milliseconds, naps once before it sleeps for a
 * wake: the other end goes on meanwhile, without a wake for each message. Only if the channel has room
 * for what is sent in a nap.
 */
const [SOON, NAP, NAP_CAPACITY] = [1, 0.05, 256];
/** What `receive` finds if the channel is closed and empty. */
const END: unique symbol = Symbol("end");

/** What the tries of `receive` result in; `undefined` if there is nothing now. */
type Found<T> = T | typeof END | undefined;

/**
 * A channel in shared memory: a queue of messages, bytes or JSON values, for any number of senders
 * and receivers of all processes. Each message is received once, and those of a sender in the order
 * in which it sent them. It keeps a limited number of messages; senders wait while it is full, and
 * receivers while it is empty.
 *
 * Senders take turns at one end, and receivers at the other; see channel_end.ts. A message is written
 * to its place, and then published by one compare-and-swap of the senders' position:
 *
 * | senders' position | meaning                       | leaves by                                  |
 * | ----------------- | ----------------------------- | ------------------------------------------ |
 * | `n`               | open; `n` is the next place   | sender: to the next; close: sets bit 30    |
 * | `n`, bit 30       | closed                        | never                                      |
 *
 * | receivers' position | meaning                     | leaves by                                  |
 * | ------------------- | --------------------------- | ------------------------------------------ |
 * | `n`                 | `n` is the next to receive  | receiver: to the next, after it was copied |
 *
 * Positions count from 0 to twice the capacity, so that a full channel differs from an empty one. If
 * a sender dies before it has published its message, that message is lost, and no other. If a
 * receiver dies before it has moved its position, another one receives the message; if it dies later,
 * that message is lost. After M. Michael and M. Scott, "Simple, Fast, and Practical Non-Blocking and
 * Blocking Concurrent Queue Algorithms" (1996), the queue with two locks.
 *
 * A channel is not fair: a running thread may send or receive before one that has waited longer.
 *
 * @example
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const jobs = Segment.anonymous().channel<{ id: number }>("jobs", { capacity: 100 });
 * await jobs.send({ id: 1 }); // or sendSync, or trySend
 * jobs.close();
 * for await (const { id } of jobs) console.log(id); // 1, here or in another process
 * ```
 *
 * @typeParam T The type of the messages: `Uint8Array`, or values that JSON keeps unchanged.
 */
export class Channel<T = unknown> {
  /** How many messages it keeps at most. */
  readonly capacity: number;
  /** How long a message can be, in bytes. */
  readonly messageBytes: number;

  readonly #attachment: Attachment;
  readonly #region: Region;
  readonly #senders: ChannelEnd;
  readonly #receivers: ChannelEnd;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #reader: MessageReader;
  readonly #placeBytes: number;
  /** Twice the capacity, where positions begin again. */
  readonly #limit: number;
  /** When the last blocking wait of this object ended. */
  #waited = -Infinity;
  readonly #receiving: Wait<T | typeof END> = {
    kind: "flag",
    run: (patient) => this.#isEmpty ? undefined : this.#take(patient),
    isLeft: () => !this.#isEmpty,
    timeoutMessage: () =>
      "Cannot receive from a channel in time: " +
      (this.#isEmpty
        ? "it is empty"
        : `a message is received by ${this.#describeOwner(this.#receivers)}`),
  };

  /**
   * The bytes to reserve for a channel, so that its neighbours do not slow it down.
   *
   * @throws {TypeError} If an option is not a whole number.
   * @throws {RangeError} If an option is too small or too great.
   */
  static bytes(options: ChannelOptions): number {
    const { capacity, messageBytes } = checkChannelOptions(options);
    return Math.ceil((CHANNEL.places + capacity * placeBytes(messageBytes)) / 128) * 128;
  }

  /**
   * The channel at `offset`; all zeros is an empty one. All users must give the same options.
   * `Segment.channel` finds an offset by name.
   *
   * @throws {RangeError} If the channel is outside of the memory, the offset is not a multiple of 8,
   * or an option is too small or too great.
   * @throws {TypeError} If an argument is of a wrong type.
   */
  constructor(memory: Memory, offset: number, options: ChannelOptions) {
    const { capacity, messageBytes } = checkChannelOptions(options);
    const attachment = attachmentOf(memory, "a channel");
    const { region, identity: _claimed } = attachment;
    const size = Channel.bytes({ capacity, messageBytes });
    const at = region.resolve(offset, size, 8);
    this.capacity = capacity;
    this.messageBytes = messageBytes;
    this.#attachment = attachment;
    this.#region = region;
    this.#limit = 2 * capacity;
    this.#placeBytes = placeBytes(messageBytes);
    this.#bytes = new Uint8Array(region.buffer, at, size);
    this.#words = new Int32Array(region.buffer, at, size / 4);
    this.#reader = new MessageReader(this.#bytes, this.#words);
    const endAt = (end: number, word: number, isLeft: () => boolean) =>
      new ChannelEnd(attachment, at, at + end, at + word, isLeft);
    this.#senders = endAt(CHANNEL.senders, CHANNEL.sendersWait, () => !this.#isFull);
    this.#receivers = endAt(CHANNEL.receivers, CHANNEL.receiversWait, () => !this.#isEmpty);
    // Before a thread has a turn for the first time.
    if (!attachment.namedLocks.has(offset)) {
      region.atomics.store32(region.base + HEADER.directoryOnly, 0);
    }
  }

  /** How many messages wait to be received; for information only. */
  get size(): number {
    const { atomics } = this.#region;
    const receivers = atomics.load32(this.#receivers.position);
    const senders = atomics.load32(this.#senders.position) & ~CLOSED;
    // Others may have sent and received between the two looks.
    return Math.min(this.#wrap(senders - receivers), this.capacity);
  }

  /**
   * How many messages were lost so far, by all users: each by the death of a sender that was writing
   * it, or of a receiver that was taking it. A death is found by the next sender or receiver.
   */
  get lost(): number {
    return this.#senders.lost + this.#receivers.lost;
  }

  /** Whether it is closed. There may be messages left. */
  get closed(): boolean {
    return (this.#region.atomics.load32(this.#senders.position) & CLOSED) !== 0;
  }

  /**
   * Closes the channel for all its users: nothing can be sent any more. Receivers receive what is
   * left; then `receive` returns `undefined`, and iterations end. Closing twice does nothing.
   */
  close(): void {
    const { atomics } = this.#region;
    const at = this.#senders.position;
    for (;;) {
      const position = atomics.load32(at);
      const closed = position | CLOSED;
      if (position === closed) break;
      if (atomics.compareExchange32(at, position, closed) === position) break;
    }
    this.#senders.signal();
    this.#receivers.signal();
  }

  /**
   * Sends a message if there is room now, and no other thread is sending; false if it was not sent.
   * Never waits.
   *
   * @throws {ChannelClosedError} If the channel is closed.
   * @throws {RangeError} If the message is longer than `messageBytes`.
   * @throws {TypeError} If the message is neither a `Uint8Array` nor a value that JSON keeps.
   */
  trySend(message: T): boolean {
    return isBytes(message)
      ? this.#put(message, KIND.bytes, true)
      : this.#put(encodeJson(message, SEND), KIND.json, true);
  }

  /**
   * Sends a message. Blocks the thread while the channel is full.
   *
   * @throws {ChannelClosedError} If the channel is closed, also during the wait.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out. The message was not sent.
   * @throws {RangeError} If the message is longer than `messageBytes`.
   * @throws {TypeError} If the message is neither a `Uint8Array` nor a value that JSON keeps.
   */
  sendSync(message: T, options?: AcquireOptions): void {
    const isRaw = isBytes(message);
    const bytes = isRaw ? message : encodeJson(message, SEND);
    const kind = isRaw ? KIND.bytes : KIND.json;
    const checked = check(options, SEND);
    if (this.#put(bytes, kind, false)) return;
    this.#pause(this.#receivers);
    if (this.#put(bytes, kind, false)) return;
    this.#senders.word.waitSync(this.#sending(bytes, kind), checked);
    this.#waited = performance.now();
  }

  /**
   * Sends a message, without blocking the thread; waits while the channel is full. The tasks of one
   * thread send in the order in which they asked. A wait keeps the process alive.
   *
   * @throws {ChannelClosedError} If the channel is closed, also during the wait.
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out. The message was not sent.
   * @throws {RangeError} If the message is longer than `messageBytes`.
   * @throws {TypeError} If the message is neither a `Uint8Array` nor a value that JSON keeps.
   */
  send(message: T, options?: AcquireOptions): Promise<void> {
    // Not an async function, which would make a second promise.
    try {
      const isRaw = isBytes(message);
      const bytes = isRaw ? message : encodeJson(message, SEND);
      const kind = isRaw ? KIND.bytes : KIND.json;
      const checked = check(options, SEND);
      const { word } = this.#senders;
      if (word.isIdle && this.#put(bytes, kind, false)) return Promise.resolve();
      this.#checkBytes(bytes);
      // The caller may use its bytes for something else meanwhile.
      return word.wait(this.#sending(bytes.slice(), kind), checked).then(() => {});
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Receives a message if there is one now, and no other thread is receiving; else returns
   * `undefined`. Never waits.
   *
   * @throws {SegmentFormatError} If the channel is damaged. A damaged message is skipped.
   */
  tryReceive(): T | undefined {
    return valueOf(this.#take(true));
  }

  /**
   * Receives the next message; `undefined` if the channel is closed and empty. Blocks the thread while
   * it is empty. A `Uint8Array` may share its `buffer` with other messages: use its `byteOffset`, and
   * transfer a `slice()` of it.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out. Nothing was received.
   * @throws {SegmentFormatError} If the channel is damaged. A damaged message is skipped.
   */
  receiveSync(options?: AcquireOptions): T | undefined {
    const checked = check(options, RECEIVE);
    let found = this.#take(false);
    if (found === undefined) {
      this.#pause(this.#senders);
      found = this.#take(false);
    }
    if (found === undefined) {
      found = this.#receivers.word.waitSync(this.#receiving, checked);
      this.#waited = performance.now();
    }
    return valueOf(found);
  }

  /**
   * Receives the next message, without blocking the thread; `undefined` if the channel is closed and
   * empty. Waits while it is empty; a wait keeps the process alive. The tasks of one thread receive in
   * the order in which they asked. A `Uint8Array` may share its `buffer` with other messages.
   *
   * @throws {DOMException} Named `TimeoutError`, if the timeout ran out. Nothing was received.
   * @throws {SegmentFormatError} If the channel is damaged. A damaged message is skipped.
   */
  receive(options?: AcquireOptions): Promise<T | undefined> {
    try {
      const checked = check(options, RECEIVE);
      const { word } = this.#receivers;
      const found = word.isIdle ? this.#take(false) : undefined;
      if (found !== undefined) return Promise.resolve(valueOf(found));
      return word.wait(this.#receiving, checked).then(valueOf);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Receives messages until the channel is closed and empty. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      const message = await this.receive();
      if (message === undefined) return;
      yield message;
    }
  }

  /** Receives messages until the channel is closed and empty. Blocks the thread. */
  *[Symbol.iterator](): Generator<T, void, void> {
    for (;;) {
      const message = this.receiveSync();
      if (message === undefined) return;
      yield message;
    }
  }

  /** Whether senders would have to wait: it is full, and not closed. */
  get #isFull(): boolean {
    const { atomics } = this.#region;
    const position = atomics.load32(this.#senders.position);
    const receivers = atomics.load32(this.#receivers.position);
    return (position & CLOSED) === 0 && this.#wrap(position - receivers) === this.capacity;
  }

  /** Whether receivers would have to wait: it is empty, and not closed. */
  get #isEmpty(): boolean {
    const { atomics } = this.#region;
    return atomics.load32(this.#receivers.position) === atomics.load32(this.#senders.position);
  }

  /** Gives another end time to go on. */
  #pause({ position }: ChannelEnd): void {
    const { atomics } = this.#region;
    const before = atomics.load32(position);
    this.#region.spin(() => atomics.load32(position) !== before || undefined, SPINS);
    if (this.capacity < NAP_CAPACITY || performance.now() - this.#waited > SOON) return;
    if (atomics.load32(position) !== before) return;
    this.#region.nap(NAP);
    this.#waited = performance.now();
  }

  #wrap(distance: number): number {
    return distance < 0 ? distance + this.#limit : distance;
  }

  /** Writes and publishes a message, unless the channel is full or another thread has the turn. */
  #put(message: Uint8Array, kind: number, patient: boolean): boolean {
    const { length } = message;
    if (length === 0 || length > this.messageBytes) this.#checkBytes(message);
    const senders = this.#senders;
    if (!senders.enter(patient)) return false;
    let isPut = false;
    try {
      isPut = this.#publish(message, length, kind);
    } finally {
      senders.leave();
    }
    if (isPut) this.#receivers.signal();
    return isPut;
  }

  #publish(message: Uint8Array, length: number, kind: number): boolean {
    const { atomics } = this.#region;
    const { position, mark, seen } = this.#senders;
    const word = atomics.load32(position);
    const from = word & ~CLOSED;
    const known = this.#distance(from, atomics.load32(seen));
    if (word !== from) throw closed();
    if (known === this.capacity) {
      const receivers = atomics.load32(this.#receivers.position);
      if (this.#distance(from, receivers) === this.capacity) return false;
      atomics.store32(seen, receivers);
    }
    const to = this.#next(from);
    atomics.store32(mark, to);
    const at = this.#placeOf(from);
    this.#words[at >> 2] = length;
    this.#words[(at >> 2) + 1] = kind;
    this.#bytes.set(message, at + CHANNEL.head);
    if (atomics.compareExchange32(position, from, to) === from) return true;
    atomics.store32(mark, from);
    throw closed();
  }

  /** Takes the next message, unless there is none or another thread has the turn. */
  #take(patient: boolean): Found<T> {
    const receivers = this.#receivers;
    if (!receivers.enter(patient)) return undefined;
    let bytes: Uint8Array | undefined;
    let kind = 0;
    try {
      const { atomics } = this.#region;
      const { position, mark, seen } = receivers;
      const from = atomics.load32(position);
      if (this.#distance(atomics.load32(seen), from) === 0) {
        const senders = atomics.load32(this.#senders.position);
        if (this.#distance(senders & ~CLOSED, from) === 0) {
          return (senders & CLOSED) === 0 ? undefined : END;
        }
        atomics.store32(seen, senders & ~CLOSED);
      }
      const at = this.#placeOf(from);
      const length = this.#words[at >> 2];
      kind = this.#words[(at >> 2) + 1];
      if (length >= 0 && length <= this.messageBytes) {
        bytes = this.#reader.read(at + CHANNEL.head, length);
      }
      const to = this.#next(from);
      atomics.store32(position, to);
      atomics.store32(mark, to);
    } finally {
      receivers.leave();
    }
    this.#senders.signal();
    // SAFETY: the caller says which messages its senders send.
    if (bytes !== undefined && kind === KIND.bytes) return bytes as T;
    const value = bytes === undefined || kind !== KIND.json ? undefined : decodeJson(bytes);
    if (value !== undefined) return value as T;
    throw new SegmentFormatError(
      "Cannot receive from a channel: the message is damaged. It was skipped",
    );
  }

  /** How many messages are between two positions, which were read from the memory. */
  #distance(senders: number, receivers: number): number {
    const distance = this.#wrap(senders - receivers);
    if (
      senders >= 0 && senders < this.#limit && receivers >= 0 && receivers < this.#limit &&
      distance <= this.capacity
    ) return distance;
    throw new SegmentFormatError(
      `Cannot use a channel: it is damaged, since its positions are ${senders} and ${receivers}, ` +
        `with room for ${this.capacity} messages. Remove its name, and open it again`,
    );
  }

  #next(position: number): number {
    return position + 1 === this.#limit ? 0 : position + 1;
  }

  /** Where the message at a position is, from the beginning of the channel on. */
  #placeOf(position: number): number {
    const place = position < this.capacity ? position : position - this.capacity;
    return CHANNEL.places + place * this.#placeBytes;
  }

  #sending(bytes: Uint8Array, kind: number): Wait<true> {
    return {
      kind: "flag",
      run: (patient) => !this.#isFull && this.#put(bytes, kind, patient) || undefined,
      isLeft: () => !this.#isFull,
      timeoutMessage: () =>
        "Cannot send to a channel in time: " +
        (this.#isFull
          ? `it is full, with ${this.capacity} messages`
          : `a message is sent by ${this.#describeOwner(this.#senders)}`),
    };
  }

  #describeOwner({ owner }: ChannelEnd): string {
    return owner === 0 ? "no thread now" : describeOwner(this.#attachment.threads.describe(owner));
  }

  #checkBytes({ length, buffer }: Uint8Array): void {
    if ((buffer as Partial<ArrayBuffer>).detached) {
      throw new TypeError("Cannot send a message: its bytes were transferred elsewhere");
    }
    if (length <= this.messageBytes) return;
    throw new RangeError(
      `Cannot send a message of ${length} bytes: the channel takes ${this.messageBytes} at most. ` +
        "Make it with greater messageBytes",
    );
  }
}

/** Checks options; makes nothing if there are none. */
function check(options: AcquireOptions | undefined, task: string): AcquireOptions | undefined {
  if (options === undefined) return undefined;
  const checked = checkAcquireOptions(options, task);
  checked.signal?.throwIfAborted();
  return checked;
}

function valueOf<T>(found: Found<T>): T | undefined {
  return found === END ? undefined : found as T | undefined;
}

function closed(): ChannelClosedError {
  return new ChannelClosedError("Cannot send to a channel: it is closed");
}
