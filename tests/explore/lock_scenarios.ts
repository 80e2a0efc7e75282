import {
  BLOCK,
  HEADER,
  LOCKS,
  MUTEX,
  REQUEST,
  REQUEST_STATE,
  SLOT,
} from "../../src/memory/layout.ts";
import { chunkBytes, FIRST_BLOCK } from "../../src/memory/lock_blocks.ts";
import { type LockManager, makeLockManager } from "../../src/memory/lock_manager.ts";
import type {
  GrantedLock,
  LockRequestOptions,
  LockRequestSyncOptions,
} from "../../src/memory/lock_request.ts";
import { LockTable, type TableMemory } from "../../src/memory/lock_table.ts";
import { OWNER } from "../../src/memory/lock_words.ts";
import { regionOf } from "../../src/memory/memory.ts";
import { step } from "./actor.ts";
import type { Scenario } from "./explore.ts";
import { identityOf, slotOf, World } from "./world.ts";

/** The words of a block of a request, or of a resource with a short name, beside the state. */
const FIELDS = [
  BLOCK.owner,
  BLOCK.next,
  BLOCK.previous,
  BLOCK.resource,
  BLOCK.length,
  BLOCK.ticket,
  BLOCK.ticket + 4,
  BLOCK.text,
];
/** The number after the last block. */
const END = 2 * FIRST_BLOCK;
const { waits, held, stolen } = REQUEST_STATE;
/** The note of whether a request was granted. */
const GRANTED = 3;

/** What an actor does with the locks. */
type Part = (locks: LockManager, world: LockWorld, actor: number) => unknown;

/** A request in the memory. */
interface Request {
  readonly block: number;
  readonly kind: number;
  readonly isShared: boolean;
  readonly owner: number;
  readonly resource: number;
  readonly ticket: number;
}

/** A memory with a table of requests. */
class LockWorld extends World {
  readonly #table: number = 0;
  /** The byte at which block 0 would be. */
  readonly #blocks: number = 0;
  /** The number after the last block that the actors use. */
  readonly #end: number;
  /** The actors that steal. */
  readonly #thieves: readonly number[];
  /** How many actors there are. */
  readonly #actors: number;
  /** The bytes of the buckets of the names. */
  readonly #buckets: readonly number[] = [];
  /** Whether the table has no block at the beginning. */
  readonly #isEmpty: boolean;

  constructor(
    actors: number,
    { blocks, names, thieves, isEmpty }: {
      readonly blocks: number;
      readonly names: readonly string[];
      readonly thieves: readonly number[];
      readonly isEmpty: boolean;
    },
  ) {
    super(actors, 1);
    this.#end = FIRST_BLOCK + blocks;
    this.#thieves = thieves.map(identityOf);
    this.#isEmpty = isEmpty;
    this.#actors = actors - 1;
    const table = this.openTable(actors - 1);
    this.#table = table.at;
    const start = new Uint8Array(this.buffer).slice();
    table.end(table.request("first", false, "wait", false));
    const chunk = HEADER.end + this.read(table.at + LOCKS.offsets);
    this.#blocks = chunk - FIRST_BLOCK * BLOCK.bytes;
    const buckets = new Set<number>();
    for (const name of names) {
      const before = new Int32Array(this.buffer).slice();
      const block = table.request(name, false, "wait", false);
      for (let at = chunk + FIRST_BLOCK * BLOCK.bytes; at < chunk + chunkBytes(0); at += 4) {
        if (this.read(at) !== before[at / 4]) buckets.add(at);
      }
      table.end(block);
    }
    this.#buckets = [...buckets];
    // All blocks are free, in their order.
    this.write(table.at + LOCKS.dirty, 1);
    table.requests();
    if (isEmpty) new Uint8Array(this.buffer).set(start);
  }

  /**
   * The memory, as an actor has it open. It begins to acquire the mutex only when it can have it: the
   * scenarios of the mutex explore how threads wait for it. While it has it, its reads are no steps:
   * no other thread writes what it reads.
   */
  #memoryOf(actor: number): TableMemory {
    const memory = this.open(actor);
    const region = regionOf(memory);
    const { atomics } = region;
    const { tryLock, unlock, load32 } = atomics;
    const words = new Set(this.words);
    let isInside = false;
    atomics.tryLock = (at, me) => {
      const run = () => tryLock.call(atomics, at, me, 0);
      const isReady = () => this.#isFree(at);
      const result = step({ kind: "tryLock", at, args: [], run, isReady }) as number;
      isInside = result !== 0;
      return result;
    };
    atomics.unlock = (at, me) => {
      isInside = false;
      return unlock.call(atomics, at, me);
    };
    atomics.load32 = (at) => isInside && words.has(at) ? this.read(at) : load32.call(atomics, at);
    return { memory, region };
  }

  /** Whether the mutex is free, or its owner died. */
  #isFree(at: number): boolean {
    const owner = this.read(at) & OWNER;
    return owner === 0 ||
      this.read(slotOf(0) + ((owner & 0x3ff) - 1) * SLOT.bytes + SLOT.gone) !== 0;
  }

  /** Whether an actor has the mutex. */
  usesPlain(actor: number): boolean {
    return (this.read(this.#table + MUTEX.word) & OWNER) === identityOf(actor);
  }

  openTable(actor: number): LockTable {
    return new LockTable(this.#memoryOf(actor), "a memory", () => false, () => {});
  }

  openManager(actor: number): LockManager {
    return makeLockManager(this.#memoryOf(actor), "a memory");
  }

  #at(block: number): number {
    return this.#blocks + block * BLOCK.bytes;
  }

  #used<T>(map: (at: number) => T): T[] {
    return Array.from(
      { length: this.#end - FIRST_BLOCK },
      (_, i) => map(this.#at(FIRST_BLOCK + i)),
    );
  }

  /** The words whose reads and writes are steps. */
  get words(): number[] {
    const table = this.#table;
    return [
      table + MUTEX.word,
      table + MUTEX.died,
      table + MUTEX.look,
      table + LOCKS.dirty,
      ...this.#used((at) => at + BLOCK.state),
    ];
  }

  /** Those that only the thread with the mutex uses, and which it reads without a step. */
  get plain(): number[] {
    const fields = [LOCKS.ticket, LOCKS.ticket + 4, LOCKS.free, LOCKS.left];
    const record = this.#at(FIRST_BLOCK) - 128;
    return [
      ...this.words,
      ...this.#isEmpty ? [HEADER.used, HEADER.newest] : [],
      ...this.#isEmpty ? Array.from({ length: 32 }, (_, i) => record + 4 * i) : [],
      ...this.#isEmpty ? [LOCKS.chunks, LOCKS.offsets].map((field) => this.#table + field) : [],
      ...fields.map((field) => this.#table + field),
      ...this.#buckets,
      ...this.#used((at) => FIELDS.map((field) => at + field)).flat(),
    ];
  }

  /** How many buckets the names are in. */
  get buckets(): number {
    return this.#buckets.length;
  }

  /** How many blocks are free. */
  get left(): number {
    return this.read(this.#table + LOCKS.left);
  }

  #load(block: number, field: number): number {
    return this.read(this.#at(block) + field);
  }

  /** The requests that hold, wait or were stolen, by their blocks. */
  #requests(): Request[] {
    const requests: Request[] = [];
    for (let block = FIRST_BLOCK; block < this.#end; block++) {
      const state = this.#load(block, BLOCK.state);
      if (state === 0) continue;
      requests.push({
        block,
        kind: state & REQUEST_STATE.mask,
        isShared: (state & REQUEST.shared) !== 0,
        owner: this.#load(block, BLOCK.owner),
        resource: this.#load(block, BLOCK.resource),
        ticket: this.#load(block, BLOCK.ticket),
      });
    }
    return requests;
  }

  /** A step: the callback of a request is called. Returns whether the lock was stolen already. */
  callBack(actor: number, isShared: boolean): boolean {
    return this.#ask("is called back", () => {
      const mine = this.#requests().filter(({ owner, kind }) => {
        return owner === identityOf(actor) && (kind === held || kind === stolen);
      });
      if (mine.length !== 1) throw new Error(`it has ${mine.length} locks inside its callback`);
      if (mine[0].isShared !== isShared) throw new Error("its lock is of the other mode");
      this.notes[GRANTED] = 1;
      return mine[0].kind === stolen;
    });
  }

  /** A step that looks at the memory. */
  #ask(kind: string, look: () => boolean): boolean {
    return step({ kind, at: 0, args: [], run: look }) as boolean;
  }

  /** Whether a request was granted. */
  get wasGranted(): boolean {
    return this.notes[GRANTED] !== 0;
  }

  /** A step: whether all other actors are dead. */
  isAlone(actor: number): boolean {
    return this.#ask("is alone", () => {
      return this.#others(actor).every((other) => this.read(slotOf(other) + SLOT.gone) !== 0);
    });
  }

  #others(actor: number): number[] {
    return Array.from({ length: this.#actors }, (_, i) => i).filter((other) => other !== actor);
  }

  /** The rule that the table breaks. */
  flaw(): string | undefined {
    try {
      return this.#flaw();
    } catch (error) {
      return (error as Error).message;
    }
  }

  #flaw(): string | undefined {
    const chunks = this.read(this.#table + LOCKS.chunks);
    if (chunks !== 1) return chunks === 0 ? undefined : "it has more blocks than it needs";
    if (this.read(this.#table + LOCKS.free) > this.#end) {
      return "more blocks are used than are explored";
    }
    const requests = this.#requests();
    for (const one of requests) {
      for (const other of requests) {
        if (one === other || one.resource !== other.resource || one.kind !== held) continue;
        if (other.kind === held && !(one.isShared && other.isShared)) {
          return `blocks ${one.block} and ${other.block} hold one lock`;
        }
        const isThief = this.#thieves.includes(one.owner);
        if (other.kind === waits && other.ticket < one.ticket && !isThief) {
          return `block ${one.block} has overtaken block ${other.block}`;
        }
      }
    }
    const isChanging = [MUTEX.word, MUTEX.died, LOCKS.dirty].some((word) => {
      return (this.read(this.#table + word) & OWNER) !== 0;
    });
    return isChanging ? undefined : this.#flawOfLinks(requests);
  }

  /** The same of a table that no thread changes. */
  #flawOfLinks(requests: readonly Request[]): string | undefined {
    const seen = new Set<number>();
    const visit = (block: number) => {
      if (block < FIRST_BLOCK || block >= END) throw new Error(`a link leads to block ${block}`);
      if (seen.has(block)) throw new Error(`block ${block} is in two lists`);
      seen.add(block);
    };
    for (const bucket of this.#buckets) {
      for (let resource = this.read(bucket); resource !== 0;) {
        visit(resource);
        this.#checkQueue(resource, requests, visit);
        resource = this.#load(resource, BLOCK.next);
      }
    }
    for (const { block, kind } of requests) {
      if (kind === stolen) visit(block);
      else if (!seen.has(block)) return `the request of block ${block} is in no list`;
    }
    const used = seen.size;
    for (let block = this.read(this.#table + LOCKS.free); block !== 0;) {
      visit(block);
      if (this.#load(block, BLOCK.state) !== 0) return `block ${block} is free, and a request`;
      if (this.#load(block, BLOCK.owner) !== 0) return `block ${block} is free, and names a thread`;
      block = this.#load(block, BLOCK.next);
    }
    const { left } = this;
    if (left !== seen.size - used) return `${seen.size - used} blocks are free, not ${left}`;
    return seen.size === END - FIRST_BLOCK ? undefined : `only ${seen.size} blocks are in a list`;
  }

  /** Throws if the list of a resource is wrong, or a request waits there without a reason. */
  #checkQueue(
    resource: number,
    requests: readonly Request[],
    visit: (block: number) => void,
  ): void {
    let before: Request | undefined;
    for (let block = this.#load(resource, BLOCK.first); block !== 0;) {
      visit(block);
      const request = requests.find((one) => one.block === block);
      if (request === undefined || request.resource !== resource || request.kind === stolen) {
        throw new Error(`block ${block} is no request for resource ${resource}`);
      }
      if (this.#load(block, BLOCK.previous) !== (before?.block ?? 0)) {
        throw new Error(`block ${block} has another one before it`);
      }
      if (request.kind === held && before?.kind === waits) {
        throw new Error(`block ${block} holds the lock behind one that waits`);
      }
      if (request.kind === waits) {
        const mayShare = before?.isShared && before.kind === held && request.isShared;
        if (before === undefined || mayShare) throw new Error(`block ${block} waits for none`);
        if (before.kind === waits && before.ticket > request.ticket) {
          throw new Error(`block ${block} waits behind a later one`);
        }
      }
      before = request;
      block = this.#load(block, BLOCK.next);
    }
    if (before === undefined) throw new Error(`resource ${resource} is left without a request`);
    if (this.#load(resource, BLOCK.last) !== before.block) {
      throw new Error(`the last request of resource ${resource} is another one`);
    }
  }
}

/** What has become of a request: its callback was called with the lock, or with none, or never. */
type Outcome = "granted" | "null" | "never";

/** A request, by a callback that checks that it has the lock. */
class Attempt {
  readonly #world: LockWorld;
  readonly #actor: number;
  readonly #isShared: boolean;
  outcome: Outcome = "never";
  #isStolen = false;

  constructor(world: LockWorld, actor: number, { mode }: LockRequestOptions) {
    this.#world = world;
    this.#actor = actor;
    this.#isShared = mode === "shared";
  }

  readonly run = (lock: GrantedLock | null): void => {
    if (this.outcome !== "never") throw new Error("its callback was called twice");
    this.outcome = lock === null ? "null" : "granted";
    if (lock !== null) this.#isStolen = this.#world.callBack(this.#actor, this.#isShared);
  };

  /** Checks the end of the request, and the error if it was rejected. */
  end(error?: unknown): Outcome {
    const { outcome } = this;
    if (error === undefined && this.#isStolen) throw new Error("it was not told of the thief");
    if (error === undefined && outcome === "never") throw new Error("its callback was not called");
    if (error === undefined) return outcome;
    const { name } = error as Error;
    const isExpected = outcome === "granted" ? name === "AbortError" : name === "TimeoutError";
    if (isExpected || (error === ABORTED && outcome === "never")) return outcome;
    throw error;
  }
}

const ABORTED = new Error("aborted");

function requestSync(
  [locks, world, actor]: Parameters<Part>,
  name: string,
  options: LockRequestSyncOptions = {},
): Outcome {
  const attempt = new Attempt(world, actor, options);
  try {
    locks.requestSync(name, options, attempt.run);
  } catch (error) {
    return attempt.end(error);
  }
  return attempt.end();
}

async function request(
  [locks, world, actor]: Parameters<Part>,
  name: string,
  options: LockRequestOptions = {},
  isLong = false,
): Promise<Outcome> {
  const attempt = new Attempt(world, actor, options);
  try {
    await locks.request(
      name,
      options,
      isLong ? (lock) => Promise.resolve(attempt.run(lock)) : attempt.run,
    );
  } catch (error) {
    return attempt.end(error);
  }
  return attempt.end();
}

const exclusive = (name: string): Part => (...all) => requestSync(all, name);
const shared = (name: string): Part => (...all) => requestSync(all, name, { mode: "shared" });
const steals = (name: string): Part => (...all) => requestSync(all, name, { steal: true });
/** Waits for a while. */
const givesUp = (name: string): Part => (...all) => requestSync(all, name, { timeout: 3 });
/** Requests one lock after the other. */
const both = (one: string, other: string): Part => (...all) => {
  requestSync(all, one);
  requestSync(all, other);
};
/** Gets the lock if it is free; and it is, if all others are dead. */
const tries = (name: string): Part => (...all) => {
  const [, world, actor] = all;
  const isAlone = world.isAlone(actor);
  const outcome = requestSync(all, name, { ifAvailable: true });
  if (outcome === "null" && isAlone) throw new Error("the lock of a dead thread is not available");
};

const awaits = (name: string): Part => (...all) => request(all, name);
const awaitsShared = (name: string): Part => (...all) => request(all, name, { mode: "shared" });
const awaitsToSteal = (name: string): Part => (...all) => request(all, name, { steal: true });
/** Holds the lock for a promise. */
const holds = (name: string): Part => (...all) => request(all, name, {}, true);
/** Awaits the lock with a signal that is aborted at some time. */
const aborts = (name: string): Part => (...all) => {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<() => void>();
  // Called by the timer itself, since an actor may be stopped in a listener, by a throw.
  Object.assign(signal, {
    addEventListener: (_type: string, listener: () => void) => listeners.add(listener),
    removeEventListener: (_type: string, listener: () => void) => listeners.delete(listener),
  });
  // A timer so short that it may fire at any moment.
  setTimeout(() => {
    controller.abort(ABORTED);
    for (const listener of listeners) listener();
  }, 1);
  return request(all, name, { signal });
};
/** Two tasks of one thread await the lock. */
const twoTasks = (name: string): Part => async (...all) => {
  await Promise.all([request(all, name), request(all, name)]);
};

interface LockOptions extends Partial<Scenario> {
  readonly names?: readonly string[];
  /** The actors that steal. */
  readonly thieves?: readonly number[];
  /** How many blocks are used at the same time, at most. */
  readonly blocks?: number;
  /** Whether the names are in one bucket. */
  readonly oneBucket?: boolean;
  /** Whether the table has no chunk of blocks yet. */
  readonly isEmpty?: boolean;
}

function lockScenario(name: string, parts: readonly Part[], options: LockOptions = {}): Scenario {
  const { names = ["a"], thieves = [], isEmpty = false, oneBucket, ...more } = options;
  const { blocks = parts.length + names.length } = options;
  const world = new LockWorld(parts.length + 1, { blocks, names, thieves, isEmpty });
  if (oneBucket && world.buckets !== 1) throw new Error(`the names ${names} are not in one bucket`);
  return {
    name: `locks: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const locks = world.openManager(actor);
      return () => part(locks, world, actor);
    })),
    words: [
      ...world.words,
      HEADER.event,
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    plain: world.plain,
    usesPlain: (actor) => world.usesPlain(actor),
    onDeath: (actor) => world.kill(actor),
    check: () => world.flaw(),
    checkEnd() {
      const table = world.openTable(parts.length);
      const requests = table.requests();
      if (requests.length > 0) return `${requests.length} requests are left`;
      for (const name of names) {
        const block = table.request(name, false, "try", false);
        if (block === 0) return `${name} cannot be had afterwards`;
        table.end(block);
      }
      if (world.left !== END - FIRST_BLOCK) return `only ${world.left} blocks are free afterwards`;
      return more.deaths || world.wasGranted ? world.flaw() : "no request was granted";
    },
    ...more,
  };
}

/** The scenarios of requests for one name. */
function nameScenarios(): Scenario[] {
  const [a, share, try_] = [exclusive("a"), shared("a"), tries("a")];
  return [
    lockScenario("two request", [a, a]),
    lockScenario("two request, one dies", [a, a], { deaths: 1 }),
    lockScenario("two request, one dies between any writes", [a, a], { deaths: 1, tears: true }),
    lockScenario("two request, two die", [a, a], { deaths: 2 }),
    lockScenario("two request, one wakes for no reason", [a, a], { spurious: 1 }),
    lockScenario("three request", [a, a, a]),
    lockScenario("two make the first requests", [a, a], { isEmpty: true }),
    lockScenario("two make the first requests, one dies", [a, a], { isEmpty: true, deaths: 1 }),
    lockScenario("one requests, one shares, one dies", [a, share], { deaths: 1 }),
    lockScenario("one requests, two share", [a, share, share]),
    lockScenario("two try", [try_, try_]),
    lockScenario("one requests, one tries, one dies", [a, try_], { deaths: 1 }),
    lockScenario("two share, one tries", [share, share, try_]),
    lockScenario("one requests, one gives up", [a, givesUp("a")], { timed: [1] }),
    lockScenario("one requests, one gives up, one dies", [a, givesUp("a")], {
      timed: [1],
      deaths: 1,
    }),
    lockScenario("two request, one gives up", [a, givesUp("a"), a], { timed: [1] }),
    lockScenario("two share, one gives up", [share, givesUp("a"), share], { timed: [1] }),
  ];
}

function stealScenarios(): Scenario[] {
  const [a, share, steal] = [exclusive("a"), shared("a"), steals("a")];
  return [
    lockScenario("one requests, one steals", [a, steal], { thieves: [1] }),
    lockScenario("one requests, one steals, one dies", [a, steal], { thieves: [1], deaths: 1 }),
    lockScenario("two steal", [steal, steal], { thieves: [0, 1] }),
    lockScenario("two share, one steals", [share, share, steal], { thieves: [2] }),
    lockScenario("two request, one steals", [a, a, steal], { thieves: [2] }),
    lockScenario("one holds for a promise, one steals", [holds("a"), steal], { thieves: [1] }),
    lockScenario("one holds for a promise, one awaits to steal", [holds("a"), awaitsToSteal("a")], {
      thieves: [1],
    }),
  ];
}

/** The scenarios of two names: each of them takes blocks, and its blocks are used again. */
function bucketScenarios(): Scenario[] {
  const apart = { names: ["a", "b"] };
  const together = { names: ["a", "ca"], oneBucket: true };
  const [a, b, ca] = [exclusive("a"), exclusive("b"), exclusive("ca")];
  return [
    lockScenario("two request two names", [a, b], apart),
    lockScenario("two request two names, one dies", [a, b], { ...apart, deaths: 1 }),
    lockScenario("two request two names of one bucket", [a, ca], together),
    lockScenario("two request two names of one bucket, one dies", [a, ca], {
      ...together,
      deaths: 1,
    }),
    lockScenario("two request both of two names", [both("a", "b"), both("b", "a")], {
      ...apart,
      blocks: 4,
    }),
    lockScenario("two request both of two names of one bucket", [
      both("a", "ca"),
      both("ca", "a"),
    ], { ...together, blocks: 4 }),
    lockScenario("one requests twice, one requests", [both("a", "a"), a]),
    lockScenario("one requests twice, one requests, one dies", [both("a", "a"), a], {
      deaths: 1,
    }),
    lockScenario("three request two names of one bucket", [
      both("a", "ca"),
      a,
      ca,
    ], { ...together, blocks: 5 }),
  ];
}

function taskScenarios(): Scenario[] {
  const [a, task, abort] = [exclusive("a"), awaits("a"), aborts("a")];
  return [
    lockScenario("two await", [task, task]),
    lockScenario("two await, one dies", [task, task], { deaths: 1 }),
    lockScenario("two await to share, one requests", [awaitsShared("a"), awaitsShared("a"), a]),
    lockScenario("one requests, one awaits", [a, task]),
    lockScenario("one requests, one awaits, one dies", [a, task], { deaths: 1 }),
    lockScenario("one holds for a promise, one requests", [holds("a"), a]),
    lockScenario("one requests, one aborts", [a, abort]),
    lockScenario("one requests, one aborts, one dies", [a, abort], { deaths: 1 }),
    lockScenario("one aborts, one awaits", [abort, task]),
    lockScenario("two request, one aborts", [a, abort, a]),
    lockScenario("one requests, two tasks of a thread await", [a, twoTasks("a")], { blocks: 4 }),
  ];
}

/** The scenarios of the locks of a segment by names. */
export function lockScenarios(): Scenario[] {
  return [...nameScenarios(), ...stealScenarios(), ...bucketScenarios(), ...taskScenarios()];
}
