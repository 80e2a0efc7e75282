import { bootId } from "../runtime/identity/machine.ts";
import type { ThreadIdentity } from "../runtime/identity/thread_identity.ts";
import { HEADER, isKnownBoot, isSameBoot, SLOT, SLOTS } from "./layout.ts";
import type { Region } from "./region.ts";

/** How many bits of an identity are the number of its slot; the next 20 are its generation. */
const SLOT_BITS = 10;
const GENERATIONS = 1 << 20;

/** What a thread writes to its slot. */
export interface SlotContents {
  /** The thread as the system knows it; `undefined` if the runtime must not ask. */
  readonly thread: ThreadIdentity | undefined;
  readonly runtime: number;
}

/** A slot that is claimed. */
export interface ClaimedSlot {
  readonly slot: number;
  readonly at: number;
  readonly claim: number;
  /** Another one if its claimer has not written it. */
  readonly identity: number;
}

/**
 * The slots of a memory: one for each thread that has it open.
 *
 * | claim      | identity   | meaning                                    | leaves by                 |
 * | ---------- | ---------- | ------------------------------------------ | ------------------------- |
 * | 0          | any        | free; the identity is that of the last one | compare-and-swap of claim |
 * | `identity` | any other  | claimed, and being written                 | the claimer: to the next  |
 * | `identity` | `identity` | in use                                     | compare-and-swap to free  |
 *
 * Each claim has another generation, so a thread that frees its slot late does not free that of the
 * next user. In a mapped file, slots are claimed under the creation lock: there, a claim without
 * its identity is left by a thread that died before it wrote the identity.
 */
export class SlotTable {
  readonly #region: Region;

  /** The slots of a memory. */
  constructor(region: Region) {
    this.#region = region;
  }

  /** The offset of a slot in the buffer, by its number or by an identity. */
  at(slot: number): number {
    return this.#region.base + HEADER.firstSlot + ((slot & SLOTS) - 1) * SLOT.bytes;
  }

  /** The offset of the slot of an identity, unless another thread has the slot. */
  find(identity: number): number | undefined {
    if ((identity & SLOTS) === 0) return undefined;
    const at = this.at(identity);
    return this.#region.atomics.load32(at + SLOT.identity) === identity ? at : undefined;
  }

  /** Claims a free slot, for the identity of its next generation; `undefined` if none is free. */
  take(): number | undefined {
    const { atomics, base } = this.#region;
    const start = atomics.add32(base + HEADER.search, 1) >>> 0;
    for (let i = 0; i < SLOTS; i++) {
      const slot = 1 + (start + i) % SLOTS;
      const at = this.at(slot);
      while (atomics.load32(at + SLOT.claim) === 0) {
        const last = atomics.load32(at + SLOT.generation);
        const identity = slot | ((last + 1) % GENERATIONS << SLOT_BITS);
        if (atomics.compareExchange32(at + SLOT.claim, 0, identity) !== 0) break;
        if (atomics.load32(at + SLOT.generation) === last) return identity;
        // Meanwhile, another thread had the slot, for this same identity.
        atomics.compareExchange32(at + SLOT.claim, identity, 0);
      }
    }
    return undefined;
  }

  /**
   * Writes a slot that was claimed, its identity last.
   *
   * @param takeLifeByte Takes the life byte of the identity; returns whether it is taken.
   */
  write(
    identity: number,
    { thread, runtime }: SlotContents,
    takeLifeByte: (identity: number) => boolean,
  ): void {
    const { atomics } = this.#region;
    const at = this.at(identity);
    atomics.store32(at + SLOT.identity, 0);
    atomics.store32(at + SLOT.generation, identity >> SLOT_BITS);
    for (let i = SLOT.gone; i < SLOT.bytes; i += 4) atomics.store32(at + i, 0);
    atomics.store32(at + SLOT.process, thread?.pid ?? 0);
    atomics.store32(at + SLOT.thread, thread?.thread ?? 0);
    this.#store64(at + SLOT.startTime, thread?.startTime ?? 0);
    atomics.store32(at + SLOT.namespace, thread?.namespace ?? 0);
    atomics.store32(at + SLOT.timeNamespace, thread?.timeNamespace ?? 0);
    atomics.store32(at + SLOT.runtime, runtime);
    if (thread !== undefined) {
      new Uint8Array(this.#region.buffer, at + SLOT.boot, 16).set(bootId());
    }
    if (takeLifeByte(identity)) atomics.store32(at + SLOT.byte, identity);
    atomics.store32(at + SLOT.identity, identity);
  }

  /** Frees a slot that no lock word names, in one step, unless it has another claim now. */
  free(slot: number, claim: number): void {
    this.#region.atomics.compareExchange32(this.at(slot) + SLOT.claim, claim, 0);
  }

  /** All slots that are claimed. */
  *claimed(): Generator<ClaimedSlot, void, void> {
    const { atomics } = this.#region;
    for (let slot = 1; slot <= SLOTS; slot++) {
      const at = this.at(slot);
      const claim = atomics.load32(at + SLOT.claim);
      if (claim !== 0) yield { slot, at, claim, identity: atomics.load32(at + SLOT.identity) };
    }
  }

  /** The thread that a slot names. */
  threadAt(at: number): ThreadIdentity {
    const { atomics } = this.#region;
    return {
      pid: atomics.load32(at + SLOT.process),
      thread: atomics.load32(at + SLOT.thread),
      startTime: this.#load64(at + SLOT.startTime),
      namespace: atomics.load32(at + SLOT.namespace) >>> 0,
      timeNamespace: atomics.load32(at + SLOT.timeNamespace) >>> 0,
    };
  }

  /** Whether a slot was certainly claimed in this boot; true for anonymous memory. */
  isOfThisBoot(at: number): boolean {
    if (this.#region.file === undefined) return true;
    const now = bootId();
    const then = new Uint8Array(this.#region.buffer, at + SLOT.boot, 16);
    return isKnownBoot(now) && isSameBoot(now, then);
  }

  #store64(at: number, value: number): void {
    const { atomics } = this.#region;
    atomics.store32(at, value | 0);
    atomics.store32(at + 4, Math.floor(value / 2 ** 32));
  }

  #load64(at: number): number {
    const { atomics } = this.#region;
    return (atomics.load32(at) >>> 0) + (atomics.load32(at + 4) >>> 0) * 2 ** 32;
  }
}
