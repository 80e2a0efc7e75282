import { regionOf } from "../../../src/memory/memory.ts";
import { AtomicCounter, Flag, Memory, RwLock, Semaphore } from "../../../src/memory/mod.ts";
import type { Region } from "../../../src/memory/region.ts";
import { MemoryDetector } from "./memory_detector.ts";

/** The permits of the semaphore. */
export const PERMITS = 4;
/** The most agents of a run, one after the other. */
const MOST = 16_384;
/** How often to look for a place before it is missing. */
const LOOKS = 100_000;
/** The bits of a mark that say how much an agent has; the others count its changes. */
const AMOUNT = 3;

const LINE = 128;
const OFFSETS = {
  stop: 0,
  violations: LINE,
  started: 2 * LINE,
  recovered: 3 * LINE,
  detector: 4 * LINE,
  places: 5 * LINE,
  semaphore: 6 * LINE,
  rwLock: 8 * LINE,
  marks: 16 * LINE,
  killed: 16 * LINE + 4 * MOST,
};
const BYTES = OFFSETS.killed + 4 * MOST;

/**
 * A semaphore and a read-write lock, and agents that tell who is inside, each in a word of its own.
 * Who is killed is noted just before, and does not count from then on.
 */
export class Crowd implements Disposable {
  readonly memory: Memory;
  readonly stop: Flag;
  readonly violations: AtomicCounter;
  /** How many holds of agents that were killed have been taken over, or reported to readers. */
  readonly recovered: AtomicCounter;
  /** What writers change, and readers see unchanged. */
  readonly detector: MemoryDetector;
  readonly #started: AtomicCounter;
  readonly #region: Region;

  constructor(path: string) {
    const memory = this.memory = Memory.map(path, BYTES);
    this.stop = new Flag(memory, OFFSETS.stop);
    this.violations = new AtomicCounter(memory, OFFSETS.violations);
    this.recovered = new AtomicCounter(memory, OFFSETS.recovered);
    this.detector = new MemoryDetector(memory, OFFSETS.detector, this.violations);
    this.#started = new AtomicCounter(memory, OFFSETS.started);
    this.#region = regionOf(memory);
  }

  semaphore(): Semaphore {
    return new Semaphore(this.memory, OFFSETS.semaphore, { permits: PERMITS });
  }

  rwLock(prefer: "writers" | "readers" | "fair" = "writers"): RwLock {
    return new RwLock(this.memory, OFFSETS.rwLock, { prefer });
  }

  /** Makes room for the agent of the next number, before it is started. */
  add(number: number): void {
    if (number >= MOST) throw new RangeError(`there are at most ${MOST} agents`);
    this.#started.add();
  }

  /** Notes that an agent is killed now. */
  noteKill(number: number): void {
    this.#region.atomics.store32(this.#word(OFFSETS.killed, number), 1);
  }

  /** Notes how much an agent has inside, up to 3; 0 when it leaves. */
  note(number: number, amount: number): void {
    const { atomics } = this.#region;
    const word = this.#word(OFFSETS.marks, number);
    atomics.store32(word, (atomics.load32(word) & ~AMOUNT) + AMOUNT + 1 + amount);
  }

  /**
   * How much all agents had inside at one moment, without those that are killed: two looks between
   * which no agent has changed anything. `undefined` if there was no such moment.
   */
  total(): number | undefined {
    for (let i = 0; i < 100; i++) {
      const marks = this.#marks();
      if (!this.#marks().every((mark, number) => mark === marks[number])) continue;
      return marks.reduce(
        (sum, mark, number) => this.#isKilled(number) ? sum : sum + (mark & AMOUNT),
        0,
      );
    }
    return undefined;
  }

  /**
   * Takes one of as many places as the semaphore has permits: there is a free one, or that of an agent
   * that was killed. Returns it, for {@linkcode leave}.
   */
  takePlace(number: number): number {
    const { atomics } = this.#region;
    for (let i = 0; i < LOOKS; i++) {
      const place = this.#word(OFFSETS.places, i % PERMITS);
      const holder = atomics.load32(place);
      if (holder !== 0 && !this.#isKilled(holder - 1)) continue;
      if (atomics.compareExchange32(place, holder, number + 1) === holder) return place;
    }
    this.violations.add();
    return 0;
  }

  leave(place: number, number: number): void {
    if (place === 0) return;
    const { atomics } = this.#region;
    if (atomics.compareExchange32(place, number + 1, 0) === number + 1) return;
    // Another agent may have taken it as soon as this one was noted as killed.
    if (!this.#isKilled(number)) this.violations.add();
  }

  [Symbol.dispose](): void {
    this.memory.close();
  }

  #marks(): number[] {
    const { atomics } = this.#region;
    return Array.from(
      { length: this.#started.value },
      (_, number) => atomics.load32(this.#word(OFFSETS.marks, number)),
    );
  }

  #isKilled(number: number): boolean {
    return this.#region.atomics.load32(this.#word(OFFSETS.killed, number)) !== 0;
  }

  #word(offset: number, i: number): number {
    return this.#region.resolve(offset + 4 * i, 4, 4);
  }
}
