import { HEADER, MUTEX, RW_LOCK, SLOT } from "../../src/memory/layout.ts";
import { OWNER } from "../../src/memory/lock_words.ts";
import { RwLock } from "../../src/memory/rw_lock.ts";
import type { RwLockGuard } from "../../src/memory/rw_lock_guard.ts";
import type { Preference } from "../../src/memory/rw_lock_options.ts";
import { hex, type Scenario } from "./explore.ts";
import { identityOf, slotOf, World } from "./world.ts";

/**
 * Which actors are inside as readers and as writers; and, since the last writer, whether one died that
 * had closed the gate, and whether it was inside.
 */
const [READING, WRITING, DIRTY, TORN] = [3, 4, 5, 6];
const GATE = HEADER.end + RW_LOCK.gate;

/** What an actor does with the lock. */
type Part = (lock: RwLock, world: RwWorld, actor: number) => unknown;

/** A memory with a read-write lock. */
class RwWorld extends World {
  constructor(actors: number) {
    super(actors, 4);
  }

  /** A step: an actor goes inside as a reader. */
  beginRead(actor: number, recovered?: boolean): void {
    this.note("begins to read", () => {
      if (this.notes[WRITING] !== 0) throw new Error("a reader is inside with a writer");
      // A writer that waited for this reader has changed nothing, but a reader may not know.
      if (recovered === false && this.notes[TORN] !== 0) throw new Error("a death is not reported");
      if (recovered && this.notes[DIRTY] === 0) {
        throw new Error("a death is reported that was none");
      }
      this.notes[READING] |= 1 << actor;
    });
  }

  /** A step: an actor goes inside as a writer. */
  beginWrite(actor: number, recovered?: boolean): void {
    this.note("begins to write", () => {
      if (this.notes[WRITING] !== 0) throw new Error("two writers are inside");
      if (this.notes[READING] !== 0) throw new Error("a writer is inside with a reader");
      if (recovered !== undefined && recovered !== (this.notes[DIRTY] !== 0)) {
        throw new Error(`recovered is ${recovered} for a writer, and it is not so`);
      }
      this.notes[DIRTY] = this.notes[TORN] = 0;
      this.notes[WRITING] = 1 << actor;
    });
  }

  /** A step: an actor goes outside. */
  end(actor: number): void {
    this.note("leaves", () => this.forget(actor));
  }

  forget(actor: number): void {
    for (const note of [READING, WRITING]) this.notes[note] &= ~(1 << actor);
  }

  override kill(actor: number): void {
    super.kill(actor);
    if (this.notes[WRITING] === 1 << actor) this.notes[TORN] = 1;
    this.forget(actor);
    if (this.read(GATE) === identityOf(actor)) this.notes[DIRTY] = 1;
  }
}

function reading(guard: RwLockGuard, world: RwWorld, actor: number): void {
  world.beginRead(actor, guard.recovered);
  world.end(actor);
  guard.release();
}

function writing(guard: RwLockGuard, world: RwWorld, actor: number): void {
  world.beginWrite(actor, guard.recovered);
  world.end(actor);
  guard.release();
}

const SHARED = { shared: true };

const read: Part = (lock, world, actor) => reading(lock.acquireSync(SHARED), world, actor);
const write: Part = (lock, world, actor) => writing(lock.acquireSync(), world, actor);
const awaitRead: Part = async (lock, world, actor) => {
  reading(await lock.acquire(SHARED), world, actor);
};
const awaitWrite: Part = async (lock, world, actor) => {
  writing(await lock.acquire(), world, actor);
};

/** Without guards. */
const bareRead: Part = (lock, world, actor) => {
  lock.lockShared();
  world.beginRead(actor);
  world.end(actor);
  lock.unlockShared();
};
const bareWrite: Part = (lock, world, actor) => {
  lock.lock();
  world.beginWrite(actor, lock.recovered);
  world.end(actor);
  lock.unlock();
};

/** If it can be had at once. */
const tryRead: Part = (lock, world, actor) => {
  const guard = lock.tryAcquire(SHARED);
  if (guard !== undefined) reading(guard, world, actor);
};
const tryWrite: Part = (lock, world, actor) => {
  const guard = lock.tryAcquire();
  if (guard !== undefined) writing(guard, world, actor);
};

/** For a while. */
const timedWrite: Part = (lock, world, actor) => {
  let guard;
  try {
    guard = lock.acquireSync({ timeout: 3 });
  } catch (error) {
    if ((error as Error).name === "TimeoutError") return;
    throw error;
  }
  writing(guard, world, actor);
};

/** Reads if it can at once, then writes. */
const upgrade: Part = (lock, world, actor) => {
  const guard = lock.tryAcquire(SHARED);
  if (guard === undefined) return;
  world.beginRead(actor);
  world.note("asks to write", () => world.forget(actor));
  guard.upgradeSync();
  writing(guard, world, actor);
};

/** Reads as the one that can become a writer, then writes, without a gap. */
const upgradable: Part = (lock, world, actor) => {
  const guard = lock.tryAcquire({ upgradable: true });
  if (guard === undefined) return;
  world.beginRead(actor);
  guard.upgradeSync();
  world.note("is alone", () => world.forget(actor));
  writing(guard, world, actor);
};

/** Writes, then reads, without a gap. */
const downgrade: Part = (lock, world, actor) => {
  const guard = lock.acquireSync();
  world.beginWrite(actor, guard.recovered);
  // From here on, readers may come in, and no writer.
  world.note("only reads", () => {
    world.forget(actor);
    world.notes[READING] |= 1 << actor;
  });
  guard.downgrade();
  world.end(actor);
  guard.release();
};

function rwScenario(
  name: string,
  parts: readonly Part[],
  more: Partial<Scenario> & { prefer?: Preference } = {},
): Scenario {
  const { prefer, ...rest } = more;
  const world = new RwWorld(parts.length + 1);
  const open = (actor: number) => new RwLock(world.open(actor), 0, { prefer });
  const identities = [0, ...parts.map((_, actor) => identityOf(actor))];
  const at = HEADER.end;
  return {
    name: `rw lock: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const lock = open(actor);
      return () => part(lock, world, actor);
    })),
    words: [
      at + RW_LOCK.turn,
      at + RW_LOCK.turn + MUTEX.died,
      at + RW_LOCK.turn + MUTEX.look,
      GATE,
      ...prefer === "fair" ? [at + RW_LOCK.yields] : [],
      ...[RW_LOCK.readers, RW_LOCK.drain].flatMap((word) => [at + word, at + word + 16]),
      at + RW_LOCK.slots,
      HEADER.event,
      ...parts.map((_, actor) => slotOf(actor) + SLOT.readers),
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    timed: parts.flatMap((part, actor) => part === timedWrite ? [actor] : []),
    onDeath: (actor) => world.kill(actor),
    check() {
      const gate = world.read(GATE);
      return identities.includes(gate & OWNER) ? undefined : `the gate is ${hex(gate)}`;
    },
    checkEnd() {
      const lock = open(parts.length);
      const shared = lock.tryAcquire(SHARED);
      if (shared === undefined) return "it cannot be read under afterwards";
      if (shared.recovered !== (world.notes[DIRTY] !== 0)) {
        return "a death is not reported to a reader afterwards";
      }
      shared.release();
      const guard = lock.tryAcquire();
      if (guard === undefined) return "it cannot be acquired afterwards";
      if (guard.recovered !== (world.notes[DIRTY] !== 0)) {
        return "a death is not reported to a writer afterwards";
      }
      guard.release();
      return world.read(GATE) === 0 ? undefined : "the gate is not open afterwards";
    },
    ...rest,
  };
}

/** The scenarios of the read-write lock. */
export function rwLockScenarios(): Scenario[] {
  return [
    rwScenario("two read", [read, read]),
    rwScenario("two write", [write, write]),
    rwScenario("two write, two die", [write, write], { deaths: 2 }),
    rwScenario("one reads, one writes", [read, write]),
    rwScenario("one reads, one writes, one dies", [read, write], { deaths: 1 }),
    rwScenario("one reads, one writes, two die", [read, write], { deaths: 2 }),
    rwScenario("one reads, one writes, one wakes for no reason", [bareRead, bareWrite], {
      spurious: 1,
    }),
    rwScenario("one reads, one writes, readers preferred, one dies", [read, write], {
      deaths: 1,
      prefer: "readers",
    }),
    rwScenario("one reads, one writes, fair, one dies", [read, write], {
      deaths: 1,
      prefer: "fair",
    }),
    rwScenario("both try, one dies", [tryRead, tryWrite], { deaths: 1 }),
    rwScenario("one reads, one gives up", [read, timedWrite]),
    rwScenario("two upgrade", [upgrade, upgrade]),
    rwScenario("two upgrade, one dies", [upgrade, upgrade], { deaths: 1 }),
    rwScenario("one upgrades, one writes, one dies", [upgrade, write], { deaths: 1 }),
    rwScenario("one is upgradable, one reads, one dies", [upgradable, read], { deaths: 1 }),
    rwScenario("two are upgradable, one dies", [upgradable, upgradable], { deaths: 1 }),
    rwScenario("one downgrades, one writes, one dies", [downgrade, write], { deaths: 1 }),
    rwScenario("one downgrades, one reads, one dies", [downgrade, read], { deaths: 1 }),
    rwScenario("one awaits to read, one writes, one dies", [awaitRead, write], { deaths: 1 }),
    rwScenario("one reads, one awaits to write, one dies", [read, awaitWrite], { deaths: 1 }),
    rwScenario("both await, one dies", [awaitRead, awaitWrite], { deaths: 1 }),
    rwScenario("two try to read, one tries to write", [tryRead, tryRead, tryWrite]),
    rwScenario("one tries to read, two try to write", [tryRead, tryWrite, tryWrite]),
    rwScenario("two try to read, one tries to write, one dies", [tryRead, tryRead, tryWrite], {
      deaths: 1,
    }),
    rwScenario("one tries to read, two try to write, one dies", [tryRead, tryWrite, tryWrite], {
      deaths: 1,
    }),
    rwScenario("two try to read, one writes", [tryRead, tryRead, bareWrite]),
  ];
}
