import { onAbort } from "../contract/abort.ts";
import { Deadline } from "../contract/deadline.ts";
import { LockLostError } from "../contract/errors.ts";
import { type HoldState, setRecovered, setToken } from "../contract/lock_guard.ts";
import { type AcquireOptions, checkAcquireOptions } from "../contract/options.ts";
import type { Mutex } from "./mutex.ts";
import type { MutexGuard } from "./mutex_guard.ts";
import type { RwCore, Writer } from "./rw_core.ts";
import { type GuardingHold, RwGuard } from "./rw_lock_guard.ts";
import type { Mode } from "./rw_lock_options.ts";

const UPGRADE = "upgrade a read-write lock";

/** A hold of a read-write lock by a guard. */
export class RwHold implements GuardingHold {
  readonly #core: RwCore;
  readonly #turns: Mutex;
  /** The holds of the object, this one among them until it ends. */
  readonly #all: Set<RwHold>;
  #mode: Mode | undefined;
  /** The turn of a hold that is not shared. */
  #turn: MutexGuard | undefined;
  /** Whether the release found that another thread had taken the lock. */
  #isLost = false;
  /** Ends the upgrade that the guard waits for. */
  #ending: AbortController | undefined;

  constructor(
    core: RwCore,
    turns: Mutex,
    mode: Mode,
    turn: MutexGuard | undefined,
    all: Set<RwHold>,
  ) {
    this.#core = core;
    this.#turns = turns;
    this.#mode = mode;
    this.#turn = turn;
    this.#all = all;
    all.add(this);
  }

  /** Makes the guard; `died` is the writer that died before, or 0. */
  makeGuard(died: number): RwGuard {
    const token = this.#mode === "exclusive" ? this.#turn!.token : undefined;
    return new RwGuard(this, token, died !== 0, this.#core.describe(died));
  }

  get mode(): Mode | undefined {
    return this.#mode;
  }

  stateOf(): HoldState {
    if (this.#ending !== undefined) return "waiting";
    if (this.#mode === undefined) return this.#isLost ? "lost" : "ended";
    return this.#mode === "shared" || this.#turn!.held ? "held" : "lost";
  }

  release(): void {
    if (this.#ending !== undefined) {
      // The hold was given up already; this ends the wait for the next one.
      this.#all.delete(this);
      this.#ending.abort(new Error(`Cannot ${UPGRADE}: its guard was released meanwhile`));
      this.#ending = undefined;
      return;
    }
    if (this.#mode === undefined) {
      throw new Error("Cannot release a read-write lock: this guard does not hold it any more");
    }
    this.#end();
  }

  upgradeSync(guard: RwGuard, options: AcquireOptions | undefined): boolean {
    const checked = checkAcquireOptions(options, UPGRADE);
    const deadline = new Deadline(checked, () => "");
    const rest = () => ({ ...checked, timeout: Math.max(0, deadline.left) });
    const writer: Writer = { before: undefined };
    if (this.#tryInPlace(guard, writer)) return true;
    const isInPlace = this.#mode === "upgradable";
    try {
      this.#giveUpShared();
      this.#core.checkReading();
      this.#turn ??= this.#turns.acquireSync(rest());
      this.#core.writeSync(writer, rest());
    } catch (error) {
      throw this.#lost(writer, error);
    }
    this.#finish(guard, writer);
    return isInPlace;
  }

  async upgrade(guard: RwGuard, options: AcquireOptions | undefined): Promise<boolean> {
    const { timeout, signal } = checkAcquireOptions(options, UPGRADE);
    signal?.throwIfAborted();
    // The release of the guard ends the wait as well.
    const ending = new AbortController();
    const own = { timeout, signal: ending.signal };
    const deadline = new Deadline(own, () => "");
    const rest = () => ({ ...own, timeout: Math.max(0, deadline.left) });
    const writer: Writer = { before: undefined };
    if (this.#tryInPlace(guard, writer)) return true;
    const isInPlace = this.#mode === "upgradable";
    const stop = onAbort(signal, (reason) => ending.abort(reason));
    try {
      this.#giveUpShared();
      this.#ending = ending;
      this.#turn ??= await this.#turns.acquire(rest());
      await this.#core.write(writer, rest());
      ending.signal.throwIfAborted(); // It was released in the meantime.
    } catch (error) {
      throw this.#lost(writer, error);
    } finally {
      stop();
    }
    this.#finish(guard, writer);
    return isInPlace;
  }

  downgrade(guard: RwGuard): void {
    this.#checkMode("downgrade", "exclusive");
    if (!this.#turn!.held) {
      try {
        return this.#end(); // It throws.
      } finally {
        this.#isLost = false; // The error says so.
      }
    }
    const wasClosed = this.#core.downgrade();
    this.#mode = "shared";
    setToken(guard, undefined);
    const turn = this.#turn!;
    this.#turn = undefined;
    turn.release();
    if (!wasClosed) throw new LockLostError("Cannot downgrade a read-write lock: it was not held");
  }

  #tryInPlace(guard: RwGuard, writer: Writer): boolean {
    this.#checkMode("upgrade", "shared", "upgradable");
    if (this.#mode === "upgradable") {
      if (!this.#core.tryWrite(writer, true)) {
        this.#core.reopen(writer); // The wait may not begin.
        return false;
      }
    } else {
      const turn = this.#turns.tryAcquire();
      if (turn === undefined) return false;
      if (!this.#core.tryUpgrade(writer)) {
        turn.release();
        return false;
      }
      this.#turn = turn;
    }
    this.#finish(guard, writer);
    return true;
  }

  /** Two readers that waited for each other to leave would wait forever. */
  #giveUpShared(): void {
    if (this.#mode === "shared") this.#core.endRead();
    this.#mode = undefined;
  }

  #finish(guard: RwGuard, { before }: Writer): void {
    this.#ending = undefined;
    this.#mode = "exclusive";
    setToken(guard, this.#turn!.token);
    if (before !== 0) setRecovered(guard, this.#core.describe(before!));
  }

  /** Ends everything after an upgrade that failed. */
  #lost(writer: Writer, cause: unknown): LockLostError {
    this.#ending = undefined;
    this.#mode = undefined;
    this.#all.delete(this);
    this.#core.reopen(writer);
    this.#turn?.release();
    this.#turn = undefined;
    return new LockLostError(
      `Cannot ${UPGRADE}: the hold was given up to wait, and the wait failed`,
      { cause },
    );
  }

  #end(): void {
    const [mode, turn] = [this.#mode, this.#turn];
    this.#mode = this.#turn = undefined;
    this.#all.delete(this);
    if (mode === "shared") return this.#core.endRead();
    this.#isLost = true; // Unless all of it is released.
    const wasClosed = mode === "upgradable" || this.#core.endWrite();
    turn!.release();
    if (!wasClosed) throw new LockLostError("Cannot release a read-write lock: it was not held");
    this.#isLost = false;
  }

  #checkMode(task: string, ...modes: Mode[]): void {
    if (this.#mode !== undefined && this.#ending === undefined && modes.includes(this.#mode)) {
      return;
    }
    throw new Error(
      `Cannot ${task} a read-write lock: this guard holds it ` +
        (this.#mode === undefined ? "no more" : `as ${this.#mode}`),
    );
  }
}
