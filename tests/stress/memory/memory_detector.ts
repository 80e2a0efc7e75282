import { attachmentOf } from "../../../src/memory/memory.ts";
import { AtomicCounter, type Memory, RawValue } from "../../../src/memory/mod.ts";
import { Detector } from "../detector.ts";

/** The detectors in shared memory: 24 bytes of zeros at an offset, and a counter of violations. */
export class MemoryDetector extends Detector {
  readonly #memory: Memory;
  readonly #violations: AtomicCounter;
  readonly #exits: AtomicCounter;
  readonly #number: RawValue;
  readonly #inside: number;

  constructor(memory: Memory, offset: number, violations: AtomicCounter) {
    super();
    this.#memory = memory;
    this.#violations = violations;
    this.#inside = attachmentOf(memory).region.resolve(offset, 4, 4);
    this.#exits = new AtomicCounter(memory, offset + 8);
    this.#number = new RawValue(memory, offset + 16);
  }

  get number(): number {
    return this.#number.value;
  }

  set number(number: number) {
    this.#number.value = number;
  }

  get exitCount(): number {
    return this.#exits.value;
  }

  /** Whether an agent is inside that is dead; reports one that lives. */
  get isLeftByDead(): boolean {
    const { region: { atomics }, threads } = attachmentOf(this.#memory);
    const inside = atomics.load32(this.#inside);
    if (inside === 0) return false;
    if (!threads.isGone(inside)) this.report();
    return true;
  }

  /** Reports whether a writer is inside, or has changed something by half. */
  checkQuiet(): void {
    const { region: { atomics } } = attachmentOf(this.#memory);
    if (atomics.load32(this.#inside) !== 0) this.report();
    if (this.number !== this.exitCount) this.report();
  }

  protected countExit(): void {
    this.#exits.add();
  }

  protected mark(): boolean {
    const { region: { atomics }, identity } = attachmentOf(this.#memory);
    return atomics.compareExchange32(this.#inside, 0, identity) === 0;
  }

  protected unmark(): boolean {
    const { region: { atomics }, identity } = attachmentOf(this.#memory);
    return atomics.compareExchange32(this.#inside, identity, 0) === identity;
  }

  protected replaceMark(): void {
    const { region: { atomics }, identity } = attachmentOf(this.#memory);
    atomics.store32(this.#inside, identity);
  }

  protected report(): void {
    this.#violations.add();
  }
}
