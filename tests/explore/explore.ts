import {
  type Entry,
  LATE,
  NAPPED,
  type Next,
  nextOf,
  type Operation,
  type Program,
  type Result,
  TIMED_OUT,
  whileExploring,
  WOKEN,
} from "./actor.ts";

/** What is explored: some actors on a few words of one memory. */
export interface Scenario {
  readonly name: string;
  /** The memory, as the actors find it. */
  readonly buffer: SharedArrayBuffer;
  /** The bytes of the words whose reads and writes are steps. */
  readonly words: readonly number[];
  /**
   * Words that are read and written without atomic operations. An actor reads them as they were at
   * its last step, and its writes appear with its next one, or with its death. Default: none.
   */
  readonly plain?: readonly number[];
  /**
   * Whether an actor may use the plain words in the state that the memory is in, which makes fewer
   * states of the actors that may not. Default: always.
   */
  usesPlain?(actor: number): boolean;
  /** The byte of the word whose wakes reach waiting tasks. */
  readonly event: number;
  /** The byte of a word on which a sleep ends by itself, at once: a nap. */
  readonly nap: number;
  /** Words beside the memory, in which the actors note what the rules are about. */
  readonly notes: Int32Array;
  /** Prepares the objects of each actor and returns its program. */
  readonly actors: readonly (() => Program)[];
  /** Releases what an actor has left in this thread, after each execution. */
  cleanUp?(): void;
  /** How many actors may die. Default: 0. */
  readonly deaths?: number;
  /** Whether one of its last plain writes may appear without the others, or they without it. */
  readonly tears?: boolean;
  /** Marks an actor as dead in the memory. */
  onDeath?(actor: number): void;
  /** The actors whose sleeps may end by themselves at any time: they have a timeout. */
  readonly timed?: readonly number[];
  /** Whether it has too many states to explore all: it only serves to find a mutant. */
  readonly isTooLarge?: boolean;
  /** How many sleeps may end without a wake. Default: 0. */
  readonly spurious?: number;
  /** Returns the rule that the memory breaks in its state. */
  check?(): string | undefined;
  /** The same for a state in which nothing more can happen; may change the memory. */
  checkEnd?(): string | undefined;
}

/** What was found. */
export interface Outcome {
  readonly states: number;
  readonly ends: number;
  readonly seconds: number;
  /** The rule that is broken, and the shortest way to it. */
  readonly fault: Fault | undefined;
}

/** A state that breaks a rule. */
export interface Fault {
  readonly rule: string;
  /** The number of the state, the same each time. */
  readonly number: number;
  readonly path: readonly Move[];
}

/** A step on a path. */
export interface Move {
  readonly actor: number;
  readonly what: string;
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** An actor after a history. Equal histories are one object. */
interface Local {
  readonly id: number;
  readonly actor: number;
  readonly history: readonly Entry[];
  /** The plain words after its last step. */
  readonly plain: Words;
  /** By the result of the next step, and the plain words after it. */
  readonly children: Map<Result, Local>;
  next: Next | undefined;
  /** The plain words that it wrote since its last step, and their values. */
  writes: readonly (readonly [number, number])[];
  /** How many sleeps have ended by themselves one after the other. */
  readonly timeouts: number;
}

const TIMED = /^time/;

const [RUNS, SLEEPS, DEAD] = [0, 1, 2];
/** Whether an actor has asked to be told of a wake, and was woken. */
const [NO_WATCH, WATCHES, NOTIFIED] = [0, 1, 2];

/** Words at some time. Equal ones are one object. */
interface Words {
  readonly id: number;
  readonly words: Int32Array;
}

interface State {
  readonly words: Words;
  readonly plain: Words;
  readonly locals: readonly Local[];
  readonly status: readonly number[];
  readonly watch: readonly number[];
  readonly deaths: number;
  readonly spurious: number;
  readonly parent: State | undefined;
  readonly actor: number;
  readonly what: string;
}

/** What stands in the place of a rule if a state was asked for. */
export const SHOWN = "the state that was asked for";
const MOST_STATES = 5_000_000;
/** Timers up to this many milliseconds are a part of the way a wake takes; others look by the clock. */
const SOON = 1;
/** The most sleeps of one actor that end by themselves before something must have happened. */
const MOST_TIMEOUTS = 4;

/**
 * Explores every state that the actors can reach, breadth first, so that the first fault has the
 * shortest path. An actor is a function of the results of its operations: it is executed again from
 * the beginning, up to the operation after them. A state is the tracked words, the notes, and the
 * results of each actor.
 *
 * The moves of a state are the next operation of each actor; the death of an actor; the end of a
 * sleep by a wake, a timeout or for no reason. A sleep without a timeout of its own ends by itself
 * only if there is no other move. Without deaths, that is a lost wakeup.
 *
 * @param shown The number of a state to stop at, as if it were a fault.
 * @throws {Error} If there are more than five million states.
 */
export async function explore(scenario: Scenario, shown?: number): Promise<Outcome> {
  const tracked = new Set(scenario.words);
  const explorer = new Explorer(scenario, shown);
  return await whileExploring(
    scenario.buffer,
    (at) => tracked.has(at - at % 4),
    (plain) => explorer.setPlain(plain),
    () => explorer.run(),
  );
}

class Explorer {
  readonly #scenario: Scenario;
  readonly #shown: number | undefined;
  readonly #view: Int32Array;
  readonly #indexes: readonly number[];
  readonly #plainIndexes: readonly number[];
  readonly #words = new Map<string, Words>();
  /** The plain words of an actor that uses none. */
  readonly #none: Words = { id: -1, words: new Int32Array() };
  /** What the states share: there are millions. */
  readonly #shared = new Map<string, readonly number[]>();
  readonly #known = new Set<string>();
  readonly #queue: State[] = [];
  #locals = 0;
  #fault: Fault | undefined;

  constructor(scenario: Scenario, shown: number | undefined) {
    this.#scenario = scenario;
    this.#shown = shown;
    this.#view = new Int32Array(scenario.buffer);
    this.#indexes = scenario.words.map((at) => at / 4);
    this.#plainIndexes = (scenario.plain ?? []).map((at) => at / 4);
  }

  async run(): Promise<Outcome> {
    const start = performance.now();
    const { actors, notes } = this.#scenario;
    notes.fill(0);
    this.#add({
      words: this.#save(),
      plain: this.#savePlain(),
      locals: actors.map((_, actor) => this.#local(actor, [], 0, this.#savePlain())),
      status: actors.map(() => RUNS),
      watch: actors.map(() => NO_WATCH),
      deaths: 0,
      spurious: 0,
      parent: undefined,
      actor: -1,
      what: "",
    });
    let ends = 0;
    let done = 0;
    for (; done < this.#queue.length && this.#fault === undefined; done++) {
      if (done > MOST_STATES) throw new Error(`"${this.#scenario.name}" has too many states`);
      const state = this.#queue[done];
      // @ts-expect-error: what was explored is needed only as a parent.
      this.#queue[done] = undefined;
      if (await this.#expand(state)) ends++;
    }
    return {
      states: this.#known.size,
      ends,
      seconds: (performance.now() - start) / 1000,
      fault: this.#fault,
    };
  }

  #save(): Words {
    const { notes } = this.#scenario;
    const words = new Int32Array(this.#indexes.length + notes.length);
    for (let i = 0; i < this.#indexes.length; i++) words[i] = this.#view[this.#indexes[i]];
    words.set(notes, this.#indexes.length);
    return this.#one(words);
  }

  #savePlain(): Words {
    return this.#one(Int32Array.from(this.#plainIndexes, (index) => this.#view[index]));
  }

  #one(words: Int32Array): Words {
    const key = words.join();
    const known = this.#words.get(key) ?? { id: this.#words.size, words };
    this.#words.set(key, known);
    return known;
  }

  #share(list: readonly number[]): readonly number[] {
    const key = list.join();
    const known = this.#shared.get(key) ?? list;
    this.#shared.set(key, known);
    return known;
  }

  #restore({ words: { words }, plain }: State): void {
    this.setPlain(plain.words);
    for (let i = 0; i < this.#indexes.length; i++) this.#view[this.#indexes[i]] = words[i];
    this.#scenario.notes.set(words.subarray(this.#indexes.length));
  }

  /** Fills the plain words. */
  setPlain(plain: Int32Array): void {
    for (let i = 0; i < plain.length; i++) this.#view[this.#plainIndexes[i]] = plain[i];
  }

  #local(actor: number, history: readonly Entry[], timeouts: number, plain: Words): Local {
    const id = ++this.#locals;
    return {
      id,
      actor,
      history,
      plain,
      children: new Map(),
      next: undefined,
      writes: [],
      timeouts,
    };
  }

  /** What the actor does next, found once for each history. */
  async #nextOf(local: Local): Promise<Next> {
    if (local.next !== undefined) return local.next;
    const { actor, history, plain } = local;
    this.setPlain(plain.words);
    const noteWrites = () => {
      local.writes = this.#plainIndexes.flatMap((index, i) => {
        const value = this.#view[index];
        return plain === this.#none || value === plain.words[i] ? [] : [[index, value]];
      });
    };
    const { actors, cleanUp = () => {} } = this.#scenario;
    return local.next = await nextOf(actors[actor], history, noteWrites, cleanUp);
  }

  /** The actor after one more step, which left the words as they are in `state`. */
  #after(local: Local, result: Result, state: State): Local {
    const plain = this.#plainFor(local.actor, state);
    const key = this.#plainIndexes.length === 0 ? result : `${result} ${plain.id}`;
    let child = local.children.get(key);
    if (child === undefined) {
      const timeouts = local.timeouts + (typeof result === "string" && TIMED.test(result) ? 1 : 0);
      const history = [...local.history, { result, plain: plain.words }];
      child = this.#local(local.actor, history, timeouts, plain);
      local.children.set(key, child);
    }
    return child;
  }

  /** The plain words that an actor finds. */
  #plainFor(actor: number, state: State): Words {
    if (this.#scenario.usesPlain === undefined) return state.plain;
    this.#restore(state);
    return this.#scenario.usesPlain(actor) ? state.plain : this.#none;
  }

  /** Notes a state, unless it is known; the memory must be in this state. */
  #add(state: State): void {
    let key = `${state.words.id},${state.plain.id}`;
    for (const { id } of state.locals) key += `,${id}`;
    key += `/${state.status.join("")}${state.watch.join("")}${state.deaths}${state.spurious}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#queue.push(state);
    if (this.#known.size === this.#shown) this.#fail(state, SHOWN);
    this.#restore(state);
    const rule = this.#scenario.check?.();
    if (rule !== undefined) this.#fail(state, rule);
  }

  #fail(state: State, rule: string): void {
    this.#fault ??= { rule, number: this.#known.size, path: pathTo(state) };
  }

  /** Adds the states after a state; returns whether there are none. */
  async #expand(state: State): Promise<boolean> {
    const { deaths = 0, timed = [], spurious = 0 } = this.#scenario;
    const nexts: Next[] = [];
    for (const local of state.locals) nexts.push(await this.#nextOf(local));
    const sleepers: number[] = [];
    const blocked: number[] = [];
    let moves = 0;
    for (const [actor, next] of nexts.entries()) {
      if (state.status[actor] === DEAD || next.kind === "end") continue;
      if (next.kind === "error") {
        const { error } = next as { error: unknown };
        this.#fail(state, `actor ${actor} failed: ${error instanceof Error ? error.stack : error}`);
        return false;
      }
      const operation = next as Operation;
      if (state.deaths < deaths) this.#die(state, actor);
      if (operation.kind === "idle" && state.watch[actor] === NOTIFIED) {
        moves++;
        const watch = state.watch.with(actor, NO_WATCH);
        this.#move(state, actor, (operation.args[1] as number[])[0], "is woken", { watch });
      } else if (state.status[actor] === SLEEPS || operation.kind === "idle") {
        sleepers.push(actor);
        for (const result of timeoutsOf(operation, timed.includes(actor) ? Infinity : SOON)) {
          moves++;
          this.#move(state, actor, result, "time passes");
        }
        if (state.status[actor] === SLEEPS && state.spurious < spurious) {
          this.#move(state, actor, WOKEN, "wakes for no reason", { spurious: state.spurious + 1 });
        }
      } else if (!this.#isReady(state, operation)) blocked.push(actor);
      else {
        moves++;
        this.#take(state, actor, operation, nexts);
      }
    }
    if (moves > 0) return false;
    if (sleepers.length === 0 && blocked.length > 0) {
      this.#fail(state, `deadlock: ${blocked.map((i) => `actor ${i}`).join(", ")}`);
      return false;
    }
    if (sleepers.length === 0) {
      this.#restore(state);
      const rule = this.#scenario.checkEnd?.();
      if (rule !== undefined) this.#fail(state, rule);
      return true;
    }
    if (state.deaths === 0) {
      this.#fail(state, `lost wakeup: ${sleepers.map((i) => `actor ${i}`).join(", ")}`);
    }
    for (const actor of sleepers) {
      if (state.locals[actor].timeouts >= MOST_TIMEOUTS) {
        this.#fail(state, `actor ${actor} does not recover from a death`);
      }
      for (const result of timeoutsOf(nexts[actor] as Operation, Infinity)) {
        this.#move(state, actor, result, "time passes");
      }
    }
    return false;
  }

  #isReady(state: State, { isReady }: Operation): boolean {
    if (isReady === undefined) return true;
    this.#restore(state);
    return isReady();
  }

  /** The next operation of an actor. */
  #take(state: State, actor: number, operation: Operation, nexts: readonly Next[]): void {
    const { kind, at, args } = operation;
    if (kind === "notify") return this.#wake(state, actor, operation, nexts);
    if (kind === "wait" || kind === "waitAsync") {
      if (at === this.#scenario.nap || args[1] === 0) {
        return this.#move(state, actor, NAPPED, "naps");
      }
      this.#restore(state);
      const isEqual = this.#view[at / 4] === args[0];
      if (kind === "waitAsync") {
        const watch = isEqual ? state.watch.with(actor, WATCHES) : state.watch;
        return this.#move(state, actor, isEqual, `watches: ${isEqual}`, { watch });
      }
      if (!isEqual) return this.#move(state, actor, "not-equal", "does not sleep");
      return this.#push(state, actor, { what: "sleeps" }, SLEEPS);
    }
    this.#restore(state);
    const { writes } = state.locals[actor];
    for (const [index, value] of writes) this.#view[index] = value;
    let result: Result;
    try {
      result = operation.run();
    } catch (error) {
      const broken = { ...state, words: this.#save(), actor, what: kind, parent: state };
      return this.#fail(broken, (error as Error).message);
    }
    const plain = this.#plainIndexes.length === 0 ? state.plain : this.#savePlain();
    const what = describe(operation, result);
    this.#move({ ...state, words: this.#save(), plain }, actor, result, what, { parent: state });
  }

  /** Wakes each possible choice of sleepers. */
  #wake(state: State, actor: number, { at, args }: Operation, nexts: readonly Next[]): void {
    const isEvent = (i: number) => at === this.#scenario.event && state.watch[i] === WATCHES;
    const asleep = nexts.flatMap((next, i) => {
      const sleeps = state.status[i] === SLEEPS && (next as Operation).at === at;
      return sleeps || (isEvent(i) && state.status[i] !== DEAD) ? [i] : [];
    });
    const count = Math.min(args[0] as number, asleep.length);
    for (const chosen of choices(asleep, count)) {
      this.#wakeAll(state, actor, chosen, chosen.filter((i) => state.status[i] === SLEEPS));
    }
  }

  /** Wakes the chosen ones; each that has a timeout may find that its time is over as well. */
  #wakeAll(
    state: State,
    actor: number,
    chosen: readonly number[],
    asleep: readonly number[],
  ): void {
    const { timed = [] } = this.#scenario;
    const late = asleep.filter((i) => timed.includes(i));
    for (let choice = 0; choice < 2 ** late.length; choice++) {
      const locals = [...state.locals];
      const status = [...state.status];
      const watch = [...state.watch];
      for (const sleeper of chosen) {
        if (asleep.includes(sleeper)) {
          const isLate = (choice >> late.indexOf(sleeper) & 1) !== 0 && late.includes(sleeper);
          locals[sleeper] = this.#after(locals[sleeper], isLate ? LATE : WOKEN, state);
          status[sleeper] = RUNS;
        } else watch[sleeper] = NOTIFIED;
      }
      locals[actor] = this.#after(locals[actor], chosen.length, state);
      const names = chosen.map((i) => `actor ${i}`).join();
      this.#push(state, actor, { what: `wakes ${names || "none"}`, locals, status, watch });
    }
  }

  #die(state: State, actor: number): void {
    const { writes: all } = state.locals[actor];
    const torn = this.#scenario.tears ? partsOf(all) : [];
    for (const writes of [[], ...torn, ...all.length > 0 ? [all] : []]) {
      this.#restore(state);
      for (const [index, value] of writes) this.#view[index] = value;
      const plain = writes.length === 0 ? state.plain : this.#savePlain();
      this.#scenario.onDeath?.(actor);
      const changes = { what: "DIES", words: this.#save(), plain, deaths: state.deaths + 1 };
      this.#push(state, actor, changes, DEAD);
    }
  }

  /** A move of one actor that leaves the words as they are in `state`. */
  #move(
    state: State,
    actor: number,
    result: Result,
    what: string,
    changes: Partial<State> = {},
  ): void {
    const local = this.#after(state.locals[actor], result, state);
    const locals = state.locals.with(actor, local);
    this.#push(state, actor, { what, locals, ...changes });
  }

  /** Adds the state after a move of an actor. */
  #push(state: State, actor: number, changes: Partial<State>, to: number = RUNS): void {
    const status = this.#share((changes.status ?? state.status).with(actor, to));
    const watch = this.#share(changes.watch ?? state.watch);
    this.#add({ ...state, parent: state, ...changes, status, watch, actor });
  }
}

/** The results of a sleep, or of a thread with nothing to do, after at most so many milliseconds. */
function timeoutsOf({ kind, args }: Operation, most: number): Result[] {
  if (kind !== "idle") return most === Infinity ? [TIMED_OUT] : [];
  return (args[0] as [string, number][]).flatMap(([id, delay]) => delay <= most ? [id] : []);
}

/** Each of some writes alone, and all but each. */
function partsOf<T>(writes: readonly T[]): T[][] {
  if (writes.length < 2) return [];
  const others = writes.length > 2 ? writes.map((_, i) => writes.toSpliced(i, 1)) : [];
  return [...writes.map((write) => [write]), ...others];
}

/** All choices of `count` of the items. */
function choices(items: readonly number[], count: number): number[][] {
  if (count === 0) return [[]];
  return items.flatMap((item, i) => {
    return choices(items.slice(i + 1), count - 1).map((rest) => [item, ...rest]);
  });
}

function describe({ kind, args }: Operation, result: Result): string {
  const texts = args.map((arg) => typeof arg === "number" ? hex(arg) : String(arg));
  const shown = typeof result === "number" ? hex(result) : String(result);
  return `${kind}(${texts.join(", ")}) = ${shown}`;
}

/** A word, as the tables of the sources write it. */
export function hex(word: number): string {
  return word >= 0 && word < 10 ? String(word) : `0x${(word >>> 0).toString(16)}`;
}

function pathTo(end: State): Move[] {
  const moves: Move[] = [];
  for (let state = end; state.parent !== undefined; state = state.parent) {
    const { actor, what, words, parent } = state;
    moves.unshift({ actor, what, before: [...parent.words.words], after: [...words.words] });
  }
  return moves;
}
