import type { Attachment } from "../../src/memory/attachment.ts";
import { HEADER, newHeader, SLOT } from "../../src/memory/layout.ts";
import { attachmentOf, Memory } from "../../src/memory/memory.ts";
import { fileLength } from "../../src/memory/memory_file.ts";
import { OWNER } from "../../src/memory/lock_words.ts";
import { type Program, step } from "./actor.ts";
import type { Scenario } from "./explore.ts";

const [INSIDE, DIRTY, TOKEN] = [0, 1, 2];

const EXPLORED = new Error("The execution of the actor is over");

/** A memory that some actors have open, each as a thread of its own, and what they note in it. */
export class World {
  readonly buffer: SharedArrayBuffer = new SharedArrayBuffer(fileLength(1024));
  readonly notes: Int32Array;
  readonly #view = new Int32Array(this.buffer);
  #opened: Attachment[] = [];

  /** A memory of `actors` threads, and a number of notes for a scenario's own use. */
  constructor(actors: number, notes = 0) {
    this.notes = new Int32Array(3 + notes);
    new Uint8Array(this.buffer).set(newHeader(this.buffer.byteLength));
    this.write(HEADER.directoryOnly, 1);
    for (let actor = 0; actor < actors; actor++) {
      const at = slotOf(actor);
      this.write(at + SLOT.claim, identityOf(actor));
      this.write(at + SLOT.generation, 1);
      this.write(at + SLOT.identity, identityOf(actor));
    }
  }

  /** A word of the memory. */
  read(at: number): number {
    return this.#view[at / 4];
  }

  write(at: number, value: number): void {
    this.#view[at / 4] = value;
  }

  /**
   * The memory, as the thread of an actor has it open.
   *
   * @param spins How often it looks at a held word before it sleeps, at most.
   */
  open(actor: number, spins = 0): Memory {
    const identity = identityOf(actor);
    const memory = Memory.from(this.buffer);
    const attachment = attachmentOf(memory);
    // As if the actor were a thread that has claimed its slot.
    const entries = { keepers: [], next: 0 };
    const slot = { identity, thread: undefined, users: 2, entries, droppedLocks: new Set() };
    Object.defineProperties(attachment, {
      claim: { value: () => slot },
      waitRecords: { value: attachment.threads.waitRecordsOf(identity) },
    });
    const { atomics } = attachment.region;
    attachment.namedLocks.add(0);
    this.#opened.push(attachment);
    attachment.region.spin = () => undefined;
    const { tryLock } = atomics;
    atomics.tryLock = (at, me, most) => tryLock.call(atomics, at, me, Math.min(most, spins));
    return memory;
  }

  /** What each scenario in this memory has in common. */
  parts(
    actors: readonly (() => Program)[],
  ): Pick<Scenario, "buffer" | "notes" | "event" | "nap" | "actors" | "cleanUp"> {
    return {
      buffer: this.buffer,
      notes: this.notes,
      event: HEADER.event,
      nap: HEADER.nap,
      actors,
      cleanUp: () => {
        for (const { asyncWaiters } of this.#opened) asyncWaiters.rejectAll(EXPLORED);
        this.#opened = [];
      },
    };
  }

  /** Whether the tokens of guards are a part of the state. */
  hasTokens = false;

  /**
   * A step: an actor enters what a lock protects.
   *
   * @param recovered Whether the lock said that its last owner died.
   * @param isBrief Whether it leaves it in the same step, which makes fewer states.
   */
  enter(actor: number, recovered: boolean, token: number, isBrief = false): void {
    this.note("enters", () => {
      this.notes[INSIDE] |= 1 << actor;
      if (this.notes[INSIDE] !== 1 << actor) throw new Error("two actors are inside");
      if (recovered && !this.isDirty) throw new Error("a death is reported that was none");
      if (!recovered && this.isDirty) throw new Error("a death is not reported");
      this.notes[DIRTY] = 0;
      if (isBrief) this.notes[INSIDE] = 0;
      if (!this.hasTokens) return;
      if (token <= this.notes[TOKEN]) throw new Error("a token is not greater than the last one");
      this.notes[TOKEN] = token;
    });
  }

  /** A step that only looks at the memory and the notes; throws if it breaks a rule. */
  note(kind: string, act: () => void): void {
    step({ kind, at: 0, args: [], run: () => act() as undefined });
  }

  /** A step: an actor leaves it. */
  leave(actor: number): void {
    this.note("leaves", () => void (this.notes[INSIDE] &= ~(1 << actor)));
  }

  /** Whether an owner died and no survivor has been told. */
  get isDirty(): boolean {
    return this.notes[DIRTY] !== 0;
  }

  /** Marks an actor as dead; `lock` is the byte of the lock that it may hold. */
  kill(actor: number, lock?: number): void {
    this.write(slotOf(actor) + SLOT.gone, 1);
    this.notes[INSIDE] &= ~(1 << actor);
    if (lock === undefined) return;
    if ((this.read(lock) & OWNER) === identityOf(actor)) this.notes[DIRTY] = 1;
  }
}

/** The identity of an actor: its slot, at its first generation. */
export function identityOf(actor: number): number {
  return (actor + 1) | 1 << 10;
}

/** The byte of the slot of an actor. */
export function slotOf(actor: number): number {
  return HEADER.firstSlot + actor * SLOT.bytes;
}
