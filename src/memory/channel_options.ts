import { nameOf } from "../contract/options.ts";
import { checkOptions } from "./arguments.ts";
import { CHANNEL } from "./layout.ts";

/** The most messages that a channel can keep, and the longest message, in bytes. */
const [MOST_MESSAGES, MOST_BYTES] = [2 ** 20, 2 ** 24];
/** Room for a short JSON document, and for a hundred of them in a segment of the default size. */
const DEFAULT_BYTES = 512;

/** Options for `Channel`: the same for all users. */
export interface ChannelOptions {
  /** How many messages it keeps at most, from 1 to 1,048,576; then senders wait. */
  capacity: number;
  /**
   * How long a message can be, in bytes, from 1 to 16,777,216; of a JSON value, its text in UTF-8.
   * Each of the messages that the channel can keep takes as many bytes of the segment, and 8 more.
   *
   * @default {512}
   */
  messageBytes?: number;
}

/** Checks a channel's options, and completes them. */
export function checkChannelOptions(options: ChannelOptions): Required<ChannelOptions> {
  checkOptions(options, TASK);
  const { capacity, messageBytes = DEFAULT_BYTES } = options ?? {};
  return {
    capacity: checkWhole(capacity, "capacity", MOST_MESSAGES),
    messageBytes: checkWhole(messageBytes, "messageBytes", MOST_BYTES),
  };
}

/** The bytes of the place of a message: its head and its contents, aligned. */
export function placeBytes(messageBytes: number): number {
  return CHANNEL.head + Math.ceil(messageBytes / 8) * 8;
}

const TASK = "make a channel";

function checkWhole(value: unknown, what: string, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new TypeError(`Cannot ${TASK}: ${what} must be a whole number, not ${nameOf(value)}`);
  }
  if (value >= 1 && value <= most) return value;
  throw new RangeError(`Cannot ${TASK}: ${what} must be from 1 to ${most} (given ${value})`);
}
