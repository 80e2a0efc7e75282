import { nameOf } from "../contract/options.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import { dispose, type PlatformDisposable } from "../contract/platform.ts";
import { isUtf8, pathBytes } from "../runtime/paths/path_bytes.ts";
import { checkOptions } from "./arguments.ts";
import { AtomicCounter } from "./atomic_counter.ts";
import { Barrier } from "./barrier.ts";
import { type BarrierOptions, partiesOf } from "./barrier_options.ts";
import { Channel } from "./channel.ts";
import { type ChannelOptions, checkChannelOptions } from "./channel_options.ts";
import { Condition, offsetOfMutex } from "./condition.ts";
import { DeadlockDetector } from "./deadlock_detector.ts";
import { Directory, type Entry } from "./directory.ts";
import { elementOf, type ElementType } from "./element.ts";
import { Flag } from "./flag.ts";
import { HEADER } from "./layout.ts";
import { countOf, Latch, type LatchOptions } from "./latch.ts";
import { noteChains } from "./lock_chains.ts";
import { type LockManager, makeLockManager } from "./lock_manager.ts";
import { mayTrace, notePlaces } from "./lock_places.ts";
import { canBeHeld, namesThreads } from "./lock_words.ts";
import { attachmentOf, mapMemory, Memory } from "./memory.ts";
import { removeMemoryFile } from "./memory_file.ts";
import { Mutex } from "./mutex.ts";
import { checkMutexOptions, type MutexOptions } from "./mutex_options.ts";
import { Once, type OnceOptions, onceSizeOf } from "./once.ts";
import { RawArray } from "./raw_array.ts";
import { RawValue } from "./raw_value.ts";
import { segmentAccessBy } from "./segment_access.ts";
import { type SegmentFile, SegmentMemory } from "./segment_memory.ts";
import { folderOfSegments, memoriesIn } from "./segment_home.ts";
import { type Fields, layoutOf, type RecordDescription } from "./record.ts";
import {
  checkDeadlockOptions,
  checkSegmentName,
  checkSegmentOptions,
  type DeadlockOptions,
  DEFAULT_SIZE,
  type SegmentFolderOptions,
  type SegmentHandle,
  type SegmentInfo,
  type SegmentOptions,
} from "./segment_options.ts";
import { RwLock } from "./rw_lock.ts";
import { preferenceOf, type RwLockOptions } from "./rw_lock_options.ts";
import { Semaphore } from "./semaphore.ts";
import { permitsOf, type SemaphoreOptions } from "./semaphore_options.ts";
import { SeqlockRecord } from "./seqlock_record.ts";
import { SharedArray } from "./shared_array.ts";
import { SharedRecord } from "./shared_record.ts";
import { SharedValue } from "./shared_value.ts";
import { StripedCounter } from "./striped_counter.ts";
import type { MemorySlots, MemoryThread } from "./wait_records.ts";

/** A named thing that this object has opened. */
interface OpenedCell {
  readonly shape: string;
  /** The option of a lock, as its name and value; empty if it has none. */
  readonly option: string;
  readonly cell: unknown;
  readonly record: number;
}

/** What the constructor requires: a program cannot get it, so it cannot call the constructor. */
const CONSTRUCT: unique symbol = Symbol("construct");

/**
 * Shared memory in which things have names: all threads that open a segment, of all processes and
 * runtimes, get the same mutex, counter, value or array by the same name.
 *
 * A named segment is a file, which stays until it is removed or the machine reboots. An anonymous
 * one is for the workers of one process, and needs no permission.
 *
 * @example Processes
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * using segment = Segment.open("example-of-segment");
 * const jobs = segment.counter("jobs");
 * jobs.add(); // All processes that open the segment see it.
 * Segment.remove("example-of-segment");
 * ```
 *
 * @example The workers of one process
 * ```ts
 * import { Segment } from "@interlock/interlock";
 *
 * const segment = Segment.anonymous(65536);
 * segment.mutex("door").acquireSync().release();
 * // worker.postMessage(segment.handle); in the worker: Segment.from(event.data)
 * ```
 */
export class Segment implements PlatformDisposable {
  /** The name; `undefined` for an anonymous segment. */
  readonly name: string | undefined;

  readonly #memory: SegmentMemory;
  readonly #checkStale: boolean;
  readonly #detectDeadlocks: boolean;
  readonly #entries: Directory;
  readonly #cells = new Map<string, OpenedCell>();
  readonly #what: string;
  #locks: LockManager | undefined;

  private constructor(
    key: typeof CONSTRUCT,
    memory: Memory,
    file?: SegmentFile,
    checkStale = false,
    detectDeadlocks = false,
  ) {
    if (key !== CONSTRUCT) {
      throw new TypeError(
        "Cannot construct a Segment: use Segment.open, Segment.anonymous or Segment.from",
      );
    }
    this.#memory = new SegmentMemory(memory, file);
    this.#checkStale = checkStale;
    this.#detectDeadlocks = detectDeadlocks;
    const name = this.name = file?.name;
    this.#what = name === undefined ? "an anonymous segment" : `the segment "${name}"`;
    this.#entries = new Directory(this.#memory, this.#what);
  }

  /**
   * Opens a segment by its name, or creates it. If several callers create it at once, they all get
   * the same one, and none sees it half made.
   *
   * @throws {TypeError} If the name or an option cannot be used.
   * @throws {RangeError} If `size` or `maxSize` is more than a segment can have, or this thread has
   * mapped too much already.
   * @throws {SegmentFormatError} If the file is not a segment, is damaged, or other users can use
   * it; or if other users could replace it: its folder belongs to another user (not root), or
   * others can write to the folder and it is not sticky as /tmp is.
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the permission for them.
   * @throws {Error} With the `code` of the system: no permission, no space.
   */
  static open(name: string, options: SegmentOptions = {}): Segment {
    checkSegmentName(name);
    checkOptions(options, "open a segment");
    const { sizes, opening, checkStale, detectDeadlocks } = checkSegmentOptions(options);
    const { access } = opening;
    const directory = folderOfSegments(options.directory, access, true);
    const memory = mapMemory(`${directory}/${name}`, sizes, opening);
    return Segment.#checked(memory, { name, directory, access }, checkStale, detectDeadlocks);
  }

  /**
   * Makes a segment for the threads of this process.
   *
   * @param size The bytes for the things in it, at least.
   * @throws {TypeError} If `size` is not a number, or an option has a wrong type.
   * @throws {RangeError} If `size` is not a positive whole number, or too much for a segment.
   */
  static anonymous(size: number = DEFAULT_SIZE, options: DeadlockOptions = {}): Segment {
    const task = "make a segment";
    checkOptions(options, task);
    const detectDeadlocks = checkDeadlockOptions(options, task);
    return new Segment(CONSTRUCT, Memory.anonymous(size), undefined, false, detectDeadlocks);
  }

  /**
   * Opens, in a worker, the segment whose handle it was sent. Maps a named one again, by its name.
   *
   * @throws {TypeError} If `handle` is not the handle of a segment.
   * @throws {Error} If a named one was removed meanwhile.
   */
  static from(handle: SegmentHandle): Segment {
    if (typeof handle === "object" && handle !== null) {
      if ("memory" in handle) {
        const { memory, detectDeadlocks } = handle;
        return Segment.#checked(Memory.from(memory), undefined, false, detectDeadlocks);
      }
      if ("name" in handle && "id" in handle) {
        const { name, directory, id, access, checkStale, detectDeadlocks } = handle;
        const options = { ...access, create: false, directory, checkStale, detectDeadlocks };
        const segment = Segment.open(name, options);
        if (segment.memory.id === id) return segment;
        segment.close();
        throw new Error(
          `Cannot open the segment "${name}": it was removed, and another one created since`,
        );
      }
    }
    throw new TypeError("Cannot open a segment: not the handle of one. Send segment.handle");
  }

  static #checked(
    memory: Memory,
    file?: SegmentFile,
    checkStale = false,
    detectDeadlocks = false,
  ): Segment {
    const segment = new Segment(CONSTRUCT, memory, file, checkStale, detectDeadlocks);
    try {
      segment.names();
      return segment;
    } catch (error) {
      segment.close();
      throw error;
    }
  }

  /**
   * Lists the named segments of this user.
   *
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the permission for them.
   */
  static list(options: SegmentFolderOptions = {}): SegmentInfo[] {
    checkOptions(options, "list segments");
    const access = segmentAccessBy(options, "list segments");
    return memoriesIn(folderOfSegments(options.directory, access));
  }

  /**
   * Removes a named segment. Threads that have it open keep it, and can see that it is
   * {@linkcode stale}; later callers of {@linkcode Segment.open} create a new one. The two groups
   * do not exclude each other.
   *
   * @returns Whether there was one.
   * @throws {TypeError} If the name or an option cannot be used.
   * @throws {UnsupportedError} If the runtime lacks foreign functions or the permission for them.
   */
  static remove(name: string, options: SegmentFolderOptions = {}): boolean {
    checkSegmentName(name);
    checkOptions(options, "remove a segment");
    const access = segmentAccessBy(options, "remove a segment");
    return removeMemoryFile(`${folderOfSegments(options.directory, access)}/${name}`);
  }

  /** The handle to post to a worker of this process, for {@linkcode Segment.from}. */
  get handle(): SegmentHandle {
    const { file, memory } = this.#memory;
    const detectDeadlocks = this.#detectDeadlocks;
    if (file === undefined) {
      return { memory: memory.handle!, ...detectDeadlocks && { detectDeadlocks } };
    }
    const { name, directory: path, access } = file;
    const directory = isUtf8(path) ? path : pathBytes(path).slice(0, -1); // Without its NUL.
    const checkStale = this.#checkStale;
    return {
      name,
      directory,
      id: memory.id!,
      ...access && { access },
      ...checkStale && { checkStale },
      ...detectDeadlocks && { detectDeadlocks },
    };
  }

  /**
   * The memory that contains the things. After the segment has grown, another object: the offsets
   * and what was made in the one before stay the same.
   */
  get memory(): Memory {
    return this.#memory.memory;
  }

  /**
   * The bytes for the things in the segment. It can grow; see `size` and `maxSize` of the options.
   */
  get size(): number {
    return this.#memory.size;
  }

  /** The bytes that are still free, before it grows. */
  get free(): number {
    const { atomics, base } = this.#memory.region;
    return Math.max(0, this.size - (atomics.load32(base + HEADER.used) >>> 0));
  }

  /**
   * Whether the segment was removed or replaced since it was opened: {@linkcode Segment.remove}, or
   * another program removed or renamed its file. Then programs that open it now get another one,
   * and the two groups do not exclude each other. False if that cannot be found out. Asks the
   * system.
   */
  get stale(): boolean {
    return this.#memory.stale;
  }

  /** How many threads have the segment open, and how many can; see `Memory.slots`. */
  get slots(): MemorySlots {
    return this.memory.slots;
  }

  /**
   * The threads that have the segment open, and what they wait for. Takes 20 us for each of them.
   */
  threads(): MemoryThread[] {
    return this.memory.threads();
  }

  /** The names and kinds of the things in the segment, the newest first. */
  names(): { name: string; kind: string }[] {
    return [...this.#entries.entries()].filter(({ name }) => name !== "")
      .map(({ name, shape }) => ({ name, kind: shape }));
  }

  /**
   * The locks by any names, as `navigator.locks` has them: made on demand, and in no list of names.
   * The same object each time.
   *
   * @throws {TypeError} If the segment is closed.
   * @throws {RangeError} If there is no room for them.
   * @throws {StaleSegmentError} If the segment was opened with `checkStale` and is stale.
   */
  get locks(): LockManager {
    this.#checkUsable("use locks");
    return this.#locks ??= makeLockManager(this.#memory, this.#what);
  }

  /**
   * The mutex of a name, the same object each time.
   *
   * @throws {TypeError} If this object has opened it with other options before.
   */
  mutex(name: string, options?: MutexOptions): Mutex {
    const checked = checkMutexOptions(options);
    const make = ({ offset }: Entry) => new Mutex(this.memory, offset, checked);
    return this.#cell(name, "mutex", Mutex.BYTES, make, JSON.stringify(checked));
  }

  /**
   * The semaphore of a name, the same object each time.
   *
   * @throws {TypeError} If it has another number of permits.
   * @throws {RangeError} If the number of permits is not from 1 to 65,536.
   */
  semaphore(name: string, options: SemaphoreOptions): Semaphore {
    const permits = permitsOf(options);
    const make = ({ offset }: Entry) => new Semaphore(this.memory, offset, { permits });
    return this.#cell(name, `semaphore ${permits}`, Semaphore.bytes(permits), make);
  }

  /**
   * The read-write lock of a name, the same object each time.
   *
   * @throws {TypeError} If this object has opened it with other options before.
   */
  rwLock(name: string, options?: RwLockOptions): RwLock {
    const prefer = preferenceOf(options);
    const make = ({ offset }: Entry) => new RwLock(this.memory, offset, { prefer });
    return this.#cell(name, "rwlock", RwLock.BYTES, make, `prefer: "${prefer}"`);
  }

  /** The counter of a name. */
  counter(name: string): AtomicCounter {
    const make = ({ offset }: Entry) => new AtomicCounter(this.memory, offset);
    return this.#cell(name, "counter", AtomicCounter.BYTES, make);
  }

  /**
   * The striped counter of a name.
   *
   * @param stripes The number of cells, the same for all users.
   */
  stripedCounter(name: string, stripes: number): StripedCounter {
    const make = ({ offset }: Entry) => new StripedCounter(this.memory, offset, stripes);
    const bytes = StripedCounter.bytes(stripes);
    return this.#cell(name, `striped counter ${stripes}`, bytes, make);
  }

  /**
   * The value of a name, with its own lock.
   *
   * @param type Default: `Int32`.
   */
  value<T extends ElementType = "Int32">(name: string, type: T = "Int32" as T): SharedValue<T> {
    elementOf(type); // First: a wrong type must not leave a cell.
    const make = ({ offset }: Entry) => new SharedValue(this.memory, offset, type);
    return this.#cell(name, `value ${type}`, SharedValue.BYTES, make);
  }

  /**
   * The array of a name, with its own lock.
   *
   * @param length The number of elements, the same for all users.
   * @param type Default: `Int32`.
   */
  array<T extends ElementType = "Int32">(
    name: string,
    length: number,
    type: T = "Int32" as T,
  ): SharedArray<T> {
    const make = ({ offset }: Entry) => new SharedArray(this.memory, offset, length, type);
    const bytes = SharedArray.bytes(length, type);
    return this.#cell(name, `array ${type} ${length}`, bytes, make);
  }

  /**
   * The value of a name, without a lock.
   *
   * @param type Default: `Int32`.
   */
  rawValue<T extends ElementType = "Int32">(name: string, type: T = "Int32" as T): RawValue<T> {
    elementOf(type); // First: a wrong type must not leave a cell.
    const make = ({ offset }: Entry) => new RawValue(this.memory, offset, type);
    return this.#cell(name, `raw value ${type}`, RawValue.BYTES, make);
  }

  /**
   * The array of a name, without a lock.
   *
   * @param length The number of elements, the same for all users.
   * @param type Default: `Int32`.
   */
  rawArray<T extends ElementType = "Int32">(
    name: string,
    length: number,
    type: T = "Int32" as T,
  ): RawArray<T> {
    const make = ({ offset }: Entry) => new RawArray(this.memory, offset, length, type);
    const bytes = RawArray.bytes(length, type);
    return this.#cell(name, `raw array ${type} ${length}`, bytes, make);
  }

  /**
   * The record of a name, with its own lock.
   *
   * @param description What `defineRecord` returns, with the same fields in the same order for all
   * users.
   */
  record<F extends Fields>(name: string, description: RecordDescription<F>): SharedRecord<F> {
    const make = ({ offset }: Entry) => new SharedRecord(this.memory, offset, description);
    const bytes = SharedRecord.bytes(description);
    return this.#cell(name, `record ${layoutOf(description).shape}`, bytes, make);
  }

  /**
   * The record of a name, whose readers take no lock.
   *
   * @param description What `defineRecord` returns, with the same fields in the same order for all
   * users.
   */
  seqlockRecord<F extends Fields>(
    name: string,
    description: RecordDescription<F>,
  ): SeqlockRecord<F> {
    const make = ({ offset }: Entry) => new SeqlockRecord(this.memory, offset, description);
    const bytes = SeqlockRecord.bytes(description);
    return this.#cell(name, `seqlock record ${layoutOf(description).shape}`, bytes, make);
  }

  /** The flag of a name. */
  flag(name: string): Flag {
    const make = ({ offset }: Entry) => new Flag(this.memory, offset);
    return this.#cell(name, "flag", Flag.BYTES, make);
  }

  /**
   * The latch of a name.
   *
   * @throws {TypeError} If it has another count.
   * @throws {RangeError} If the count is not from 1 to 2^30.
   */
  latch(name: string, options: LatchOptions): Latch {
    const count = countOf(options);
    const make = ({ offset }: Entry) => new Latch(this.memory, offset, { count });
    return this.#cell(name, `latch ${count}`, Latch.BYTES, make);
  }

  /**
   * The channel of a name.
   *
   * @typeParam T The type of the messages: `Uint8Array`, or values that JSON keeps unchanged.
   * @throws {TypeError} If it has other options.
   * @throws {RangeError} If an option is too small or too great, or there is no room for it: it takes
   * 384 bytes and, for each message of `capacity`, `messageBytes` and 8 more.
   */
  channel<T = unknown>(name: string, options: ChannelOptions): Channel<T> {
    const checked = checkChannelOptions(options);
    const shape = `channel ${checked.capacity} ${checked.messageBytes}`;
    const make = ({ offset }: Entry) => new Channel<T>(this.memory, offset, checked);
    return this.#cell(name, shape, Channel.bytes(checked), make);
  }

  /**
   * The condition of a name, the same object each time.
   *
   * @param mutex The mutex that its waiters hold, of the same segment: the same one for all users.
   * @throws {TypeError} If it belongs to another mutex, or the mutex is not of this segment.
   */
  condition(name: string, mutex: Mutex): Condition {
    const at = offsetOfMutex(this.memory, mutex); // First: a wrong mutex must not leave a cell.
    const make = ({ offset }: Entry) => new Condition(this.memory, offset, mutex);
    return this.#cell(name, "condition", Condition.BYTES, make, `the mutex at ${at}`);
  }

  /**
   * The barrier of a name, the same object each time, with the first action that it was given.
   *
   * @throws {TypeError} If it has another number of parties.
   * @throws {RangeError} If the number of parties is not from 1 to 1,023.
   */
  barrier(name: string, options: BarrierOptions): Barrier {
    const parties = partiesOf(options);
    const { action } = options;
    const make = ({ offset }: Entry) => new Barrier(this.memory, offset, { parties, action });
    return this.#cell(name, `barrier ${parties}`, Barrier.bytes(parties), make);
  }

  /**
   * The value of a name that is made once, the same object each time.
   *
   * @throws {TypeError} If it has another size.
   * @throws {RangeError} If the size is not from 0 to 2^20.
   */
  once(name: string, options?: OnceOptions): Once {
    const size = onceSizeOf(options);
    const make = ({ offset }: Entry) => new Once(this.memory, offset, { size });
    return this.#cell(name, `once ${size}`, Once.bytes(size), make);
  }

  /**
   * Removes a name, so that it can be given again, also to another kind of thing. Threads that have
   * the thing keep their objects of it, and do not share them with those who open the name later;
   * asked by the name, they get the new one. The bytes are not used again.
   *
   * @returns Whether there was such a name.
   * @throws {TypeError} If it cannot be a name.
   * @throws {Error} If it is a lock, or has one, that is held.
   */
  removeName(name: string): boolean {
    const entry = this.#entries.find(name);
    if (entry === undefined) return false;
    if (!canBeHeld(entry.shape)) return this.#entries.remove(entry.record);
    attachmentOf(this.memory).namedLocks.add(entry.offset);
    const lock = this.#lockOf(entry);
    const guard = lock.tryAcquire();
    if (guard === undefined) {
      const [owner] = lock.owners();
      throw new Error(
        `Cannot remove ${JSON.stringify(name)} from the segment: its lock is held` +
          (owner === undefined ? "" : ` by ${describeOwner(owner)}`),
      );
    }
    try {
      return this.#entries.remove(entry.record);
    } finally {
      guard.release();
    }
  }

  /**
   * Closes the segment: the things in it can no longer be used through this object. A named segment
   * keeps its contents. Closing twice does nothing.
   *
   * @throws {Error} If this object holds a lock in it.
   */
  close(): void {
    this.#memory.close();
  }

  /** The same as {@linkcode close}. */
  [dispose](): void {
    this.close();
  }

  /** The lock of a named thing, to hold all of it. */
  #lockOf(
    { shape, offset }: Entry,
  ): { tryAcquire(): { release(): void } | undefined; owners(): (Owner | undefined)[] } {
    const [kind, size] = shape.split(" ");
    if (kind === "semaphore") {
      const permits = Number(size);
      const semaphore = new Semaphore(this.memory, offset, { permits });
      return {
        tryAcquire: () => semaphore.tryAcquire({ permits }),
        owners: () => semaphore.owners(),
      };
    }
    if (kind === "rwlock") return new RwLock(this.memory, offset);
    const mutex = new Mutex(this.memory, offset);
    return { tryAcquire: () => mutex.tryAcquire(), owners: () => [mutex.owner()] };
  }

  #checkUsable(task: string): void {
    if (this.memory.closed) throw new TypeError("Cannot use a segment that was closed");
    if (this.#checkStale && this.stale) throw this.#memory.staleError(task);
  }

  /** Lets the waits for a named thing look for deadlocks. */
  #detect(cell: object, offset: number): void {
    const attachment = attachmentOf(this.memory);
    attachment.deadlocks ??= new DeadlockDetector(attachment);
    noteChains(cell, attachment, offset);
    if (mayTrace()) notePlaces(cell, attachment.region, offset);
  }

  /** The named thing, the same object each time. */
  #cell<T>(
    name: string,
    shape: string,
    size: number,
    make: (entry: Entry) => T,
    option = "",
  ): T {
    // Also if this object has opened it before.
    this.#checkUsable(`use ${nameOf(name)}`);
    const opened = this.#cells.get(name);
    if (opened?.shape === shape && !this.#entries.isRemoved(opened.record)) {
      if (opened.option !== option) {
        throw new TypeError(
          `Cannot open the ${shape} ${JSON.stringify(name)} with ${option}: ` +
            `this segment has opened it with ${opened.option}`,
        );
      }
      // SAFETY: the shape names the class, and the types of its elements.
      return opened.cell as T;
    }
    const entry = this.#entries.obtain(name, shape, size);
    if (namesThreads(shape)) attachmentOf(this.memory).namedLocks.add(entry.offset);
    const cell = make(entry);
    if (this.#detectDeadlocks) this.#detect(cell as object, entry.offset);
    this.#cells.set(name, { shape, option, cell, record: entry.record });
    return cell;
  }
}
