import type { Guard } from "../../src/contract/guard.ts";
import { HEADER, SEMAPHORE, SLOT } from "../../src/memory/layout.ts";
import { attachmentOf } from "../../src/memory/memory.ts";
import { Semaphore } from "../../src/memory/semaphore.ts";
import { WaitWord } from "../../src/memory/wait_word.ts";
import type { Scenario } from "./explore.ts";
import { identityOf, slotOf, World } from "./world.ts";

/** Which actors are inside, and which permits a dead holder had without a report: bits. */
const [INSIDE, DIRTY] = [3, 4];

/** What an actor does with the semaphore. */
type Part = (semaphore: Semaphore, world: SemaphoreWorld, actor: number) => unknown;

/** A memory with a semaphore. */
class SemaphoreWorld extends World {
  readonly permits: number;

  constructor(actors: number, permits: number) {
    super(actors, 2);
    this.permits = permits;
  }

  /** The bytes of the permits. */
  get cells(): number[] {
    return Array.from(
      { length: this.permits },
      (_, i) => HEADER.end + SEMAPHORE.permits + 4 * i,
    );
  }

  /** The permits of an actor: bits. */
  heldBy(actor: number): number {
    return this.cells.reduce(
      (bits, cell, i) => this.read(cell) === identityOf(actor) ? bits | 1 << i : bits,
      0,
    );
  }

  /** A step: an actor with some permits goes inside, and learns whether a holder died. */
  goInside(actor: number, wanted: number, recovered?: boolean): void {
    this.note("enters", () => {
      const held = this.heldBy(actor);
      if (bitsIn(held) !== wanted) throw new Error(`it has ${bitsIn(held)} permits, not ${wanted}`);
      if (recovered !== undefined && recovered !== ((this.notes[DIRTY] & held) !== 0)) {
        throw new Error(`recovered is ${recovered}, and it is not so`);
      }
      this.notes[DIRTY] &= ~held;
      this.notes[INSIDE] |= 1 << actor;
    });
  }

  /** A step: an actor goes outside. */
  goOutside(actor: number): void {
    this.note("leaves", () => void (this.notes[INSIDE] &= ~(1 << actor)));
  }

  override kill(actor: number): void {
    super.kill(actor);
    this.notes[INSIDE] &= ~(1 << actor);
    this.notes[DIRTY] |= this.heldBy(actor);
  }
}

function bitsIn(bits: number): number {
  let count = 0;
  for (; bits !== 0; bits &= bits - 1) count++;
  return count;
}

function hold(guard: Guard, world: SemaphoreWorld, actor: number, permits = 1): void {
  world.goInside(actor, permits, permits === 1 ? guard.recovered : undefined);
  world.goOutside(actor);
  guard.release();
}

/** Acquires a permit, blocking its thread. */
const one: Part = (semaphore, world, actor) => hold(semaphore.acquireSync(), world, actor);

/** Acquires two permits. */
const two: Part = (semaphore, world, actor) => {
  hold(semaphore.acquireSync({ permits: 2 }), world, actor, 2);
};

/** Acquires a permit without a guard, and is inside for one step. */
const bare: Part = (semaphore, world, actor) => {
  semaphore.waitSync();
  world.goInside(actor, 1);
  world.goOutside(actor);
  semaphore.post();
};

/** Acquires a permit without a guard, and is inside for no step, which makes fewer states. */
const quick: Part = (semaphore) => {
  semaphore.waitSync();
  semaphore.post();
};

/** Acquires two permits, and is inside for no step. */
const quickTwo: Part = (semaphore) => semaphore.acquireSync({ permits: 2 }).release();

/** Acquires a permit and keeps it. */
const keep: Part = (semaphore) => semaphore.waitSync();

/** Gives back all permits, which it has from the beginning, with one signal. */
const giveAll: Part = (_semaphore, world, actor) => {
  const attachment = attachmentOf(world.open(actor));
  for (const cell of world.cells) attachment.region.atomics.store32(cell, 0);
  new WaitWord(attachment, HEADER.end + SEMAPHORE.word).signal();
};

/** Acquires permits if they are free. */
const tryOne: Part = (semaphore, world, actor) => {
  const guard = semaphore.tryAcquire();
  if (guard !== undefined) hold(guard, world, actor);
};
const tryTwo: Part = (semaphore, world, actor) => {
  const guard = semaphore.tryAcquire({ permits: 2 });
  if (guard !== undefined) hold(guard, world, actor, 2);
};

/** Waits for a while, and gives up. */
const timed: Part = (semaphore) => {
  try {
    semaphore.waitSync({ timeout: 3 });
  } catch (error) {
    if ((error as Error).name === "TimeoutError") return;
    throw error;
  }
  semaphore.post();
};

/** Awaits permits. */
const awaited: Part = async (semaphore, world, actor) => {
  hold(await semaphore.acquire(), world, actor);
};
const awaitedTwo: Part = async (semaphore, world, actor) => {
  hold(await semaphore.acquire({ permits: 2 }), world, actor, 2);
};

function semaphoreScenario(
  name: string,
  permits: number,
  parts: readonly Part[],
  more: Partial<Scenario> = {},
): Scenario {
  const world = new SemaphoreWorld(parts.length + 1, permits);
  const open = (actor: number) => new Semaphore(world.open(actor), 0, { permits });
  const identities = [0, ...parts.map((_, actor) => identityOf(actor))];
  const at = HEADER.end;
  if (parts[0] === giveAll) { for (const cell of world.cells) world.write(cell, identityOf(0)); }
  return {
    name: `semaphore: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const semaphore = open(actor);
      return () => part(semaphore, world, actor);
    })),
    // The word of the waiters and its look, the turn, the permits, the event, and the deaths.
    words: [
      at + SEMAPHORE.word,
      at + SEMAPHORE.word + 16,
      at + SEMAPHORE.turn,
      ...world.cells,
      HEADER.event,
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    timed: parts.flatMap((part, actor) => part === timed ? [actor] : []),
    onDeath: (actor) => world.kill(actor),
    check() {
      const inside = bitsIn(world.notes[INSIDE]);
      if (inside > permits) return `${inside} actors are inside`;
      const wrong = [at + SEMAPHORE.turn, ...world.cells].find((cell) =>
        !identities.includes(world.read(cell))
      );
      return wrong === undefined ? undefined : `the word at ${wrong - at} names no actor`;
    },
    checkEnd() {
      const semaphore = open(parts.length);
      if (semaphore.available !== permits) return "not all permits are available afterwards";
      const guard = semaphore.tryAcquire({ permits });
      if (guard === undefined) return "not all permits can be acquired afterwards";
      guard.release();
      return semaphore.available === permits ? undefined : "the permits did not come back";
    },
    ...more,
  };
}

/** The scenarios of the semaphore. */
export function semaphoreScenarios(): Scenario[] {
  return [
    semaphoreScenario("two wait for one permit", 1, [one, one]),
    semaphoreScenario("two wait for one permit, one dies", 1, [one, one], { deaths: 1 }),
    semaphoreScenario("two wait for one permit, two die", 1, [one, one], { deaths: 2 }),
    semaphoreScenario("two wait for one permit, one wakes for no reason", 1, [bare, bare], {
      spurious: 1,
    }),
    semaphoreScenario("three wait for one permit", 1, [quick, quick, quick]),
    semaphoreScenario("three wait for one permit, one dies", 1, [quick, quick, quick], {
      deaths: 1,
    }),
    semaphoreScenario("three wait for two permits", 2, [bare, bare, bare]),
    semaphoreScenario("three wait for two permits, one dies", 2, [quick, quick, quick], {
      deaths: 1,
    }),
    semaphoreScenario("one has two permits, two wait", 2, [quickTwo, quick, quick]),
    semaphoreScenario("two wait for permits that come back at once", 2, [giveAll, keep, keep], {
      checkEnd: undefined,
    }),
    semaphoreScenario("one wants two permits, one wants one", 2, [two, one]),
    semaphoreScenario("one wants two permits, one wants one, one dies", 2, [two, one], {
      deaths: 1,
    }),
    semaphoreScenario("two want two permits", 2, [two, two]),
    semaphoreScenario("two want two permits, two die", 2, [two, two], { deaths: 2 }),
    semaphoreScenario("two try, one wants two permits, one dies", 2, [tryOne, tryTwo, quickTwo], {
      deaths: 1,
    }),
    semaphoreScenario("two wait, one gives up", 1, [quick, quick, timed]),
    semaphoreScenario("two await", 1, [awaited, awaited]),
    semaphoreScenario("two await, one dies", 1, [awaited, awaited], { deaths: 1 }),
    semaphoreScenario("one waits, one awaits, one dies", 1, [one, awaited], { deaths: 1 }),
    semaphoreScenario("one awaits two permits, one waits", 2, [awaitedTwo, bare], { deaths: 1 }),
  ];
}
