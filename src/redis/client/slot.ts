import { hashTagOf } from "./names.ts";

const SLOTS = 16384;
const encoder = new TextEncoder();

/** The slot of a key or a channel in a cluster: the CRC16 of its hash tag, or of all of it. */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of encoder.encode(hashTagOf(key) ?? key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % SLOTS;
}
