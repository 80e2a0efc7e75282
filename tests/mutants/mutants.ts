/** A change that breaks the locks, and the tests that must notice it. */
export interface Mutant {
  readonly name: string;
  readonly changes: readonly {
    readonly file: string;
    readonly text: string;
    readonly by: string;
  }[];
  /** The beginnings of the paths of tests, in their folder. */
  readonly tests: readonly string[];
  /** The runtime of these tests. Default: Deno. */
  readonly runtime?: "deno" | "bun";
}

const MUTEX = "src/memory/mutex.ts";
const DUTY = "src/memory/look_duty.ts";
const HAND_OFF = "src/memory/hand_off.ts";
const DETECTOR = "src/memory/deadlock_detector.ts";
const HOLDERS = "src/memory/lock_holders.ts";
const REGISTRY = "src/memory/thread_registry.ts";
const SLOTS = "src/memory/slot_table.ts";
const WAITERS = "src/memory/async_waiters.ts";
const SEMAPHORE = "src/memory/semaphore.ts";
const RW_CORE = "src/memory/rw_core.ts";
const READERS = "src/memory/readers.ts";
const WAIT_WORD = "src/memory/wait_word.ts";
const WAT = "src/memory/atomics.wat";
const JS = "src/memory/atomics_js.ts";
const LIFE = "src/memory/life_word.ts";
const ROBUST_LIST = "src/runtime/threads/robust_list.ts";
const IDENTITY = "src/runtime/identity/thread_identity.ts";
const HELPER = "src/runtime/threads/start_helper.ts";

/** Makes a mutant with one change. */
export function mutant(
  name: string,
  file: string,
  text: string,
  by: string,
  tests: readonly string[],
  runtime?: "bun",
): Mutant {
  return { name, changes: [{ file, text, by }], tests, runtime };
}

/** The mutants of the locks in memory. */
export const MEMORY_MUTANTS: readonly Mutant[] = [
  mutant(
    "a write of a record forgets the other fields",
    "src/memory/raw_record.ts",
    "    atomics.copy64(this.#copyOf(version), to, this.#layout.size / 8);\n",
    "",
    ["memory/record", "memory/shared_record"],
  ),
  mutant(
    "a step under the lock of a value keeps it if others wait",
    "src/memory/shared_value.ts",
    "    this.mutex.unlock();\n    return result",
    "    return result",
    ["memory/shared_value"],
  ),
  mutant(
    "release before write",
    MUTEX,
    "this.#hold = GUARD;",
    "this.#hold = GUARD; this.#region.atomics.store32(this.#at, 0);",
    ["memory/mutex"],
  ),
  mutant(
    "taken without a compare-and-swap",
    WAT,
    "    (if (i32.eqz (i32.atomic.rmw.cmpxchg (local.get $at) (i32.const 0) (local.get $me)))\n      (then (return (call $taken (local.get $at)))))",
    "    (if (i32.eqz (i32.atomic.load (local.get $at)))\n      (then (i32.atomic.store (local.get $at) (local.get $me))\n        (return (call $taken (local.get $at)))))",
    ["memory/atomics_test", "memory/mutex", "stress/memory/all_runtimes"],
  ),
  mutant("no recovery", MUTEX, "if (!threads.isFoundGone(owner)) return false;", "return false;", [
    "memory/behaviour/owner_death",
  ]),
  mutant(
    "owner written late",
    SLOTS,
    "atomics.store32(at + SLOT.thread, thread?.thread ?? 0);",
    "setTimeout(() => atomics.store32(at + SLOT.thread, thread?.thread ?? 0), 200);",
    ["memory/mutex", "memory/behaviour/owner_death"],
  ),
  mutant(
    "wake none",
    MUTEX,
    "if ((waiting & SLEEPERS_WAIT) !== 0) this.#region.wake(this.#at, 1);",
    "",
    ["memory/behaviour/release_wakes"],
  ),
  mutant(
    "tasks not notified",
    MUTEX,
    "if ((waiting & TASKS_WAIT) !== 0) this.#attachment.asyncWaiters.notify(this.#at);",
    "",
    ["memory/behaviour/release_wakes"],
  ),
  mutant("the helper is never woken", WAITERS, "this.#watch.watch(words);", "", [
    "memory/behaviour/release_wakes",
  ]),
  mutant(
    "the next task is not woken",
    WAITERS,
    "if (!waiter.attempt(patient)) return;",
    "waiter.attempt(patient); return;",
    [
      "memory/mutex",
    ],
  ),
  mutant(
    "no hand-on when giving up",
    MUTEX,
    "if (slept !== 0) this.#handOn();\n        throw error;",
    "throw error;",
    [
      "memory/behaviour/release_wakes",
    ],
  ),
  mutant(
    "a waiter that is overtaken never asks",
    HAND_OFF,
    "if (now - this.#overtaken < PATIENCE) return false;",
    "return false;",
    ["memory/hand_off"],
  ),
  mutant(
    "a release ignores the waiter that asks",
    WAT,
    "(if (i32.gt_s (local.get $heir) (i32.const 0))\n      (then\n        (if",
    "(if (i32.const 0)\n      (then\n        (if",
    ["memory/hand_off"],
  ),
  mutant(
    "a waiter that gives up still asks",
    HAND_OFF,
    "if (!this.#isAsked) return true;",
    "return true;",
    ["memory/hand_off"],
  ),
  mutant(
    "a lock that was handed over is taken from the waiter",
    MUTEX,
    "(heir === this.#me || !threads.isFoundGone(heir))",
    "heir === this.#me",
    ["memory/hand_off"],
  ),
  mutant(
    "the death of a waiter that was handed the lock is reported",
    MUTEX,
    "if (heir !== 0) {\n      // Neither",
    "if (heir < 0) {\n      // Neither",
    ["memory/hand_off"],
  ),
  mutant(
    "a semaphore is a deadlock if one of its holders waits",
    DETECTOR,
    "identities.every(isBlocked)",
    "identities.some(isBlocked)",
    ["memory/behaviour/deadlock"],
  ),
  mutant(
    "a timed wait is broken",
    DETECTOR,
    '(certainty !== "certain" || !isTimed)',
    "(isTimed || !isTimed)",
    ["memory/behaviour/deadlock"],
  ),
  mutant(
    "any task of a thread may break a deadlock",
    DETECTOR,
    'certainty === "possible" ? holder',
    'certainty !== "timed" ? holder',
    ["memory/behaviour/deadlock"],
  ),
  mutant(
    "a task whose body is over keeps its lock",
    "src/memory/lock_chains.ts",
    "return isOver || !(guard as Guard).held;",
    "return false;",
    ["memory/behaviour/deadlock"],
  ),
  mutant(
    "a writer waits for no readers",
    HOLDERS,
    "return identities.length === 0 ? undefined",
    "return identities.length >= 0 ? undefined",
    ["memory/behaviour/deadlock"],
  ),
  mutant(
    "an inner hold releases the lock",
    MUTEX,
    "if (this.#nested.length > 1) return true;",
    "this.#nested.length = 0;\n    this.#release();\n    return true;",
    ["memory/behaviour/reentrant"],
  ),
  mutant(
    "a task's hold lets other tasks in",
    MUTEX,
    "return this.#hold !== GUARD || this.#guard !== this.#taskGuard;",
    "return true;",
    ["memory/behaviour/reentrant"],
  ),
  mutant(
    "an add whose value has changed adds beyond 2^53",
    WAT,
    "(if (i32.eqz (call $isNear (local.get $old)))",
    "(if (i32.const 0)",
    ["memory/atomic_counter"],
  ),
  mutant(
    "lost carry in add64",
    JS,
    "if (low < 0 && sum >= 0) break;",
    "",
    ["memory/atomic"],
    "bun",
  ),
  mutant(
    "token not counted",
    MUTEX,
    "this.#region.atomics.next64(this.#at + MUTEX.token)",
    "this.#region.atomics.load64(this.#at + MUTEX.token)",
    ["memory/mutex"],
  ),
  {
    name: "unlock without an owner check",
    changes: [
      {
        file: MUTEX,
        text: "if (this.#hold === BARE) this.#release();",
        by: "this.#release();\n    if (Date.now() > 0) return;",
      },
      {
        file: WAT,
        text: "(then (return (i32.const -1))))\n    (local.set $heir",
        by: "(then (nop)))\n    (local.set $heir",
      },
    ],
    tests: ["memory/mutex"],
  },
  mutant(
    "takeover of a living owner",
    REGISTRY,
    "    if (!this.isGone(identity)) {\n      this.#ask(identity);\n      return false;\n    }\n",
    "",
    ["memory/behaviour/owner_check"],
  ),
  mutant(
    "died word not set",
    MUTEX,
    "atomics.store32(this.#at + MUTEX.died, owner | inconsistent);",
    "",
    [
      "memory/behaviour/owner_death",
    ],
  ),
  mutant(
    "death thrown, lock kept",
    MUTEX,
    "this.#wake(atomics.unlock(this.#at, this.#me));",
    "",
    ["memory/behaviour/owner_death"],
  ),
  mutant("recovered for ever", MUTEX, "      atomics.store32(this.#at + MUTEX.died, 0);\n", "", [
    "memory/behaviour/owner_death",
  ]),
  mutant("start time ignored", IDENTITY, "mayCompare && found.startTime !== startTime", "false", [
    "memory/behaviour/owner_check",
  ]),
  {
    name: "a zombie lives",
    changes: [{
      file: IDENTITY,
      text: 'state === "Z" || state === "X" || (showsMemory && !hasMemory)',
      by: 'state === "X"',
    }],
    tests: ["memory/behaviour/owner_check"],
  },
  mutant(
    "a thread without memory lives",
    IDENTITY,
    " || (showsMemory && !hasMemory)",
    "",
    ["runtime/identity/thread_identity"],
  ),
  mutant(
    "a promise to look holds for ever",
    DUTY,
    "ahead > 0 && ahead < FARTHEST",
    "ahead < FARTHEST",
    ["memory/look_duty"],
  ),
  mutant(
    "a promise of another clock counts",
    DUTY,
    "ahead > 0 && ahead < FARTHEST",
    "ahead > 0",
    ["memory/look_duty"],
  ),
  mutant(
    "a waiter that leaves keeps its duty",
    DUTY,
    "    this.#region.wake(this.#at, 1);\n",
    "",
    ["memory/look_duty"],
  ),
  mutant(
    "every waiter has the duty",
    DUTY,
    "if (isTaken || atomics",
    "if (isTaken && atomics",
    ["memory/look_duty"],
  ),
  mutant(
    "time namespace ignored",
    IDENTITY,
    "timeNamespace === me.timeNamespace;",
    "true;",
    ["memory/behaviour/unknown_owner"],
  ),
  mutant(
    "another boot id alone proves that all are gone",
    REGISTRY,
    "      if (!this.#isDead(at, identity, true)) return false;\n",
    "",
    ["memory/behaviour/unknown_owner", "memory/memory_test"],
  ),
  mutant(
    "a slot is freed that has a new owner",
    SLOTS,
    "this.#region.atomics.compareExchange32(this.at(slot) + SLOT.claim, claim, 0);",
    "this.#region.atomics.store32(this.at(slot) + SLOT.claim, 0);",
    ["memory/thread_registry"],
  ),
  mutant(
    "a free life byte proves nothing",
    REGISTRY,
    'if (byte === "free" || !mayAsk) return byte === "free";',
    "if (!mayAsk) return false;",
    ["memory/behaviour/owner_check"],
  ),
  mutant(
    "a life byte that was not taken proves a death",
    REGISTRY,
    "atomics.load32(at + SLOT.byte) === identity\n      ? file?.lookAtLifeByte(identity)\n" +
      "      : undefined;",
    "file?.lookAtLifeByte(identity);",
    ["memory/behaviour/owner_check"],
  ),
  mutant(
    "a life word tells of the next thread of its slot",
    SLOTS,
    "for (let i = SLOT.gone; i < SLOT.bytes; i += 4) atomics.store32(at + i, 0);",
    "for (let i = SLOT.byte; i < SLOT.bytes; i += 4) atomics.store32(at + i, 0);",
    ["memory/life_word"],
  ),
  mutant(
    "a life word outweighs a thread that runs",
    REGISTRY,
    "if (isMarked && !(mayAsk && isRunning(thread))) return true;",
    "if (isMarked) return true;",
    ["memory/life_word"],
  ),
  mutant(
    "a slot is freed that the kernel may still mark",
    REGISTRY,
    "if (!life.unlink()) return;",
    "life.unlink();",
    ["memory/life_word"],
  ),
  mutant(
    "a life word is unmapped while it is in the list",
    LIFE,
    "if (!unlinkFromRobustList(this.#address)) return false;",
    "",
    ["memory/life_word"],
  ),
  mutant(
    "workers have life words where the engine unmaps them",
    LIFE,
    'if (adapter.mapping !== "plain" && pid !== thread) return undefined;',
    "",
    ["memory/life_word"],
  ),
  mutant(
    "the kernel follows links that other users may write",
    "src/memory/mapped_file.ts",
    "this.#fd === undefined || this.#isShared",
    "this.#fd === undefined",
    ["memory/life_word"],
  ),
  mutant(
    "an entry of the robust list is removed in one direction",
    ROBUST_LIST,
    "list.write([before, after], [afterPrev, before])",
    "list.write([before, after])",
    ["runtime/threads/robust_list"],
  ),
  mutant(
    "an entry of the robust list is removed whatever its links are",
    ROBUST_LIST,
    "return isThere && ",
    "return ",
    ["runtime/threads/robust_list"],
  ),
  mutant(
    "a restored process is dead",
    REGISTRY,
    'byte === "held" ? { ...thread, startTime: 0 } : thread',
    "thread",
    ["memory/behaviour/namespaces"],
  ),
  mutant(
    "a life byte is not published",
    SLOTS,
    "    if (takeLifeByte(identity)) atomics.store32(at + SLOT.byte, identity);\n",
    "    takeLifeByte(identity);\n",
    ["memory/behaviour/owner_check"],
  ),
  mutant(
    "a mark of inconsistency ends with the death of the next owner",
    MUTEX,
    "owner | inconsistent);",
    "owner);",
    ["memory/behaviour/inconsistent"],
  ),
  mutant(
    "a slot is freed by the first object that is closed",
    "src/memory/attachment.ts",
    "return this.#slot?.users === 1;",
    "return this.#slot !== undefined;",
    ["memory/memory_test"],
  ),
  mutant(
    "a lock at an offset not noted",
    "src/memory/mutex.ts",
    "if (!attachment.namedLocks.has(offset)) {",
    "if (false) {",
    ["memory/thread_registry"],
  ),
  mutant(
    "PID namespace ignored",
    IDENTITY,
    "if (namespace === UNKNOWN || namespace !== me.namespace) return false;",
    "",
    ["memory/behaviour/owner_check"],
  ),
  mutant(
    "a name loses its byte order mark",
    "src/memory/directory.ts",
    "fatal: true, ignoreBOM: true",
    "fatal: true",
    ["memory/segment", "memory/directory"],
  ),
  mutant(
    "the folder of segments may belong to any user",
    "src/memory/segment_home.ts",
    '    if (flaw !== undefined) throw refused(folder, flaw, "Give another directory");\n',
    "",
    ["memory/segment_home"],
  ),
  mutant(
    "a removed name still leads to its thing",
    "src/memory/directory.ts",
    "if (!entry.removed) yield entry;",
    "yield entry;",
    ["memory/segment_memory"],
  ),
  mutant(
    "a lock whose name was removed keeps no slot",
    "src/memory/lock_words.ts",
    '"a memory").records()',
    '"a memory").entries()',
    ["memory/segment_memory"],
  ),
  mutant(
    "a segment that grew is not mapped again",
    "src/memory/segment_memory.ts",
    "if (this.size > this.region.size) this.#mapAgain(undefined);",
    "",
    ["memory/segment_memory"],
  ),
  mutant(
    "a lock that is held loses its name",
    "src/memory/segment.ts",
    "if (guard === undefined) {\n      const [owner]",
    "if (guard === null) {\n      const [owner]",
    ["memory/segment_memory"],
  ),
  mutant(
    "a segment is for any group",
    "src/memory/segment_access.ts",
    "access.mode === EVERYBODY || group === access.group",
    "true",
    ["memory/segment_access"],
  ),
  mutant(
    "boot ignored",
    REGISTRY,
    "atomics.load32(at + SLOT.thread) !== 0 && this.#slots.isOfThisBoot(at)",
    "atomics.load32(at + SLOT.thread) !== 0",
    ["memory/behaviour/owner_check"],
  ),
  mutant("generation not counted", SLOTS, "((last + 1) % GENERATIONS", "(1 % GENERATIONS", [
    "memory/memory_test",
  ]),
  mutant(
    "a rejected waiter keeps waiting",
    WAITERS,
    "        this.#remove(at, waiter);\n        stop?.();",
    "        stop?.();",
    ["memory/behaviour/rejected_wait"],
  ),
  mutant(
    "a helper is started without checking the limits",
    HELPER,
    "hasFreeDescriptors(DESCRIPTORS) && hasFreeThreads(THREADS)",
    "true",
    ["contract/behaviour/without_helper"],
  ),
  mutant(
    "a helper that failed is replaced",
    "src/runtime/threads/helper.ts",
    "    if (this.#isBroken) return undefined;\n",
    "    void this.#isBroken;\n",
    ["runtime/threads/helper"],
  ),
  mutant(
    "a helper claims a job that was called off",
    "src/runtime/threads/serve_parent.ts",
    "return last !== number &&",
    "return last !== 0 ||",
    ["runtime/threads/helper"],
  ),
  mutant(
    "a process that ends does not stop its helpers",
    "src/runtime/threads/helper.ts",
    "    Atomics.store(words, WORDS.stopped, 1);\n",
    "",
    ["runtime/threads/helper"],
  ),
  mutant(
    "a waiter is registered before its signal is watched",
    WAITERS,
    "      const stop = deadline?.watch(fail",
    "      this.#add(at, waiter);\n      const stop = deadline?.watch(fail",
    ["memory/behaviour/rejected_wait"],
  ),
  mutant(
    "the constructor of a guard makes guards",
    "src/contract/lock_guard.ts",
    'Reflect.deleteProperty(LockGuard.prototype, "constructor");\n',
    "",
    ["contract/lock_guard"],
  ),
  mutant(
    "a signal that is none is accepted",
    "src/contract/options.ts",
    "if (signal !== undefined && !isSignal(signal)) {",
    "if (signal === undefined && !isSignal(signal)) {",
    ["contract/options"],
  ),
  mutant(
    "the permits of a dead holder stay taken",
    SEMAPHORE,
    "if (gone === 0 && isGone(owner)) gone = cell;",
    "",
    ["memory/behaviour/semaphore_death"],
  ),
  mutant(
    "a post wakes no waiter",
    SEMAPHORE,
    "if ((atomics.load32(this.#at) & WAITERS) !== 0) this.#word.signal();",
    "",
    ["explore/explore"],
  ),
  mutant(
    "a post of a permit that is no longer held",
    SEMAPHORE,
    "if (atomics.compareExchange32(cell, this.#me, 0) !== this.#me) throw lost();",
    "atomics.store32(cell, 0);",
    ["memory/semaphore"],
  ),
  mutant(
    "a post of a permit that a guard holds",
    SEMAPHORE,
    "const cell = this.#last;\n    if (cell === 0)",
    "const cell = this.#last || this.#first;\n    if (cell === 0)",
    ["memory/semaphore"],
  ),
  mutant(
    "a woken waiter passes no wake on",
    WAIT_WORD,
    "if (isLeft()) this.#wake();",
    "",
    ["explore/explore"],
  ),
  mutant(
    "a waiter looks before it tells of itself",
    WAIT_WORD,
    "        const word = this.#mark(marks);\n        const left = deadline?.left ?? Infinity;\n        const got = wait.run(isStill || left <= 0);\n",
    "        const left = deadline?.left ?? Infinity;\n        const got = wait.run(isStill || left <= 0);\n        const word = this.#mark(marks);\n",
    ["explore/explore"],
  ),
  mutant(
    "waiting tasks are not told of a signal",
    WAIT_WORD,
    "if ((word & TASKS) !== 0) asyncWaiters.notify(this.#at);",
    "",
    ["explore/explore"],
  ),
  mutant(
    "a reader looks at the gate before it tells of itself",
    RW_CORE,
    "    const entry = this.#readers.enter();\n    const gate = this.#region.atomics.load32(this.#gate);\n    if (gate",
    "    const gate = this.#region.atomics.load32(this.#gate);\n    const entry = this.#readers.enter();\n    if (gate",
    ["explore/explore"],
  ),
  mutant(
    "a writer does not wait for readers",
    RW_CORE,
    "return this.#hasReaders(patient) ? undefined : true;",
    "return true;",
    ["memory/rw_lock"],
  ),
  mutant(
    "a writer looks for readers before it closes the gate",
    RW_CORE,
    "      this.#close(writer);\n    }\n    return this.#hasReaders(patient) ? undefined : true;",
    "      const has = this.#hasReaders(patient);\n      this.#close(writer);\n      return has ? undefined : true;\n    }\n    return this.#hasReaders(patient) ? undefined : true;",
    ["explore/explore"],
  ),
  mutant(
    "the last reader wakes no writer",
    RW_CORE,
    "if ((atomics.load32(this.#drainAt) & WAITERS) !== 0) this.#drain.signal();",
    "",
    ["explore/explore"],
  ),
  mutant(
    "a writer wakes no readers",
    RW_CORE,
    "    const isMine = atomics.compareExchange32(this.#gate, this.#me, 0) === this.#me;\n    this.#entrance.signal();",
    "    const isMine = atomics.compareExchange32(this.#gate, this.#me, 0) === this.#me;",
    ["explore/explore"],
  ),
  mutant(
    "a dead writer is forgotten by a reader",
    RW_CORE,
    "atomics.compareExchange32(this.#gate, gate, gate | ABANDONED);\n      this.#entrance.signal();\n    }\n    return this.nest()",
    "atomics.compareExchange32(this.#gate, gate, 0);\n      this.#entrance.signal();\n    }\n    return this.nest()",
    ["memory/behaviour/rw_lock_death"],
  ),
  mutant(
    "a dead reader is counted",
    READERS,
    "if (!threads.isFoundGone(identity)) return identity;",
    "return identity;",
    ["memory/behaviour/rw_lock_death"],
  ),
  mutant(
    "an upgrade with other readers inside",
    RW_CORE,
    "if (all.every((identity) => identity === this.#me) && this.#readers.mine === 1) {",
    "if (all.length > 0) {",
    ["memory/rw_lock"],
  ),
  mutant(
    "a downgrade that tells no writer of the reader",
    RW_CORE,
    "    this.#entry = this.#readers.enter();\n    this.#found = 0;",
    "    this.#entry = this.#readers.enter();\n    this.#region.atomics.store32(this.#entry, 0);\n    this.#found = 0;",
    ["memory/rw_lock"],
  ),
  mutant(
    "a writer that gives up keeps the gate closed",
    RW_CORE,
    "this.#region.atomics.store32(this.#gate, before === 0 ? 0 : before | ABANDONED);",
    "",
    ["memory/rw_lock"],
  ),
  mutant(
    "the last count of a latch wakes no waiter",
    "src/memory/latch.ts",
    "if (n === left) this.#word.signal();",
    "",
    ["explore/explore"],
  ),
  mutant(
    "two counts of a latch at once count once",
    "src/memory/latch.ts",
    "if (atomics.compareExchange32(this.#arrived, arrived, arrived + n) !== arrived) continue;",
    "atomics.store32(this.#arrived, arrived + n);",
    ["explore/explore"],
  ),
  mutant(
    "a latch opens too early",
    "src/memory/latch.ts",
    "return this.#region.atomics.load32(this.#arrived) >= this.count;",
    "return this.#region.atomics.load32(this.#arrived) > 0;",
    ["memory/latch"],
  ),
];
