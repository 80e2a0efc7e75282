import { type Mutant, mutant } from "./mutants.ts";

const LOCK = "src/files/file_lock.ts";
const HANDLE = "src/files/handle.ts";
const PLACE = "src/files/place.ts";
const WAITS = "src/files/kernel_waits.ts";
const RECORD = "src/files/lock_record.ts";
const WAITER = "workers/lock_waiter.ts";
const NATIVE = "src/runtime/native_lock_file.ts";
const DURABLE = "src/runtime/durable.ts";

/** The mutants of the locks and counters on files. */
export const FILE_MUTANTS: readonly Mutant[] = [
  mutant(
    "the path is not checked",
    NATIVE,
    "    const path = this.#pathBytes;\n",
    "    return true;\n    const path = this.#pathBytes;\n",
    ["files/vanished", "files/proof"],
  ),
  mutant(
    "the path is not checked after a wait",
    HANDLE,
    "      if (this.#file.isCurrent()) return true;\n",
    "      return true;\n",
    ["files/vanished", "files/proof"],
  ),
  mutant(
    "the record is written before the lock is held",
    LOCK,
    "    if (!handle.takeSync(shared, patience)) throw",
    "    if (!shared) this.#record?.enter(handle.file);\n    if (!handle.takeSync(shared, patience)) throw",
    ["files/record"],
  ),
  mutant(
    "the record stays held",
    RECORD,
    "    this.#bytes.set(FREE, STATE_AT);\n",
    "    void FREE;\n",
    ["files/record"],
  ),
  mutant(
    "the record is written to any file",
    RECORD,
    "    if (!isRecord(length) || (length < mark.length && !mayBegin)) return undefined;\n",
    "    void mayBegin;\n",
    ["files/record"],
  ),
  mutant("the token does not grow", RECORD, ": last) + 1;", ": last);", ["files/record"]),
  mutant(
    "a release writes without reading the file",
    RECORD,
    "    if (length > BYTES || !this.#isIn(length) || (whole && length < BYTES)) return;\n",
    "    void [length, whole];\n",
    ["files/record"],
  ),
  mutant(
    "an interrupted unlock is given up",
    "src/runtime/flock.ts",
    'while (libc.flock(fd, LOCK_UN) !== 0) last = failureOf("unlock", path, last);',
    "libc.flock(fd, LOCK_UN);",
    ["files/interrupted"],
  ),
  mutant(
    "a failed upgrade leaves its guards",
    "src/files/upgrade.ts",
    "this.#resume(this.#held);",
    "this.#resume(true);",
    ["files/lost"],
  ),
  mutant(
    "a lock that comes after the abort is kept",
    HANDLE,
    "        this.giveBack();\n        throw patience",
    "        throw patience",
    ["files/acquire", "files/proof"],
  ),
  {
    name: "a closed lock keeps a lock that it is granted",
    changes: [
      { file: HANDLE, text: "if (this.#closed !== undefined) throw this.#closed;", by: "" },
      {
        file: "src/files/file_lock.ts",
        text: "this.#open(); // It may have been closed since: the",
        by: "// It may have been closed since: the",
      },
    ],
    tests: ["files/rejected"],
  },
  {
    name: "a canceled wait keeps a lock that it gets",
    changes: [
      { file: PLACE, text: "return wait.file.close(); // It was called off.", by: "return;" },
      { file: WAITER, text: "      unlockFd(own); // Called off", by: "      // Called off" },
    ],
    tests: ["files/acquire", "files/proof", "files/descriptors"],
  },
  mutant(
    "a cancellation does not release a lock that came before it",
    WAITS,
    "    if (!this.#settle(number)) return this.wait!.file.unlock();\n",
    "    this.#settle(number);\n",
    ["files/acquire"],
  ),
  mutant(
    "waits go on while their thread blocks",
    PLACE,
    "  suspend(): void {\n    this.#callOff();\n",
    "  suspend(): void {\n",
    ["files/acquire"],
  ),
  mutant(
    "waits are forgotten when their thread has blocked",
    HANDLE,
    "if (!taken) place.resume();",
    "void place;",
    ["files/acquire"],
  ),
  mutant(
    "a release serves no waiter",
    PLACE,
    "if (now - this.#turnBegan < TURN_MS) return this.#serve();",
    "if (now - this.#turnBegan < TURN_MS) return;",
    ["files/acquire"],
  ),
  mutant(
    "a shorter number makes the text shorter",
    "src/files/counter_text.ts",
    "    while (at + 1 < least) buffer[at++] = SPACE;\n",
    "",
    ["files/file_counter"],
  ),
  mutant(
    "durable is not synced",
    DURABLE,
    "if (libc.fdatasync(fd) !== 0) throw",
    "if (fd < 0) throw",
    ["files/power_loss", "files/file_counter"],
  ),
  mutant(
    "a longer number gets no room",
    "src/files/file_counter.ts",
    "        file.sync();\n        length = longer;",
    "        length = longer;",
    ["files/power_loss"],
  ),
  mutant(
    "a document is written in its place",
    DURABLE,
    "const fd = openFile(next, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);\n  try {\n    if (last",
    "const fd = openFile(path, O_WRONLY | O_CREAT);\n  try {\n    if (last",
    ["files/json_file", "files/full"],
  ),
  mutant(
    "an unfinished document stays",
    DURABLE,
    "    removeFile(next); // No space",
    "    // No space",
    ["files/full"],
  ),
  mutant(
    "a removed file is released before its waiters have moved",
    "src/files/handle.ts",
    "would acquire the old file.\n      this.#reopen();",
    "would acquire the old file.\n      this.giveBack();\n      this.#reopen();",
    ["files/one_lock"],
  ),
  mutant(
    "a task loses a granted lock to a re-entry",
    "src/files/file_lock.ts",
    "return this.#bare > 0 || !this.#guards.isEmpty;",
    "return this.#handle.mode !== undefined;",
    ["files/one_lock"],
  ),
  mutant(
    "the file of a killed writer stays",
    "src/files/json_file.ts",
    "    using guard = this.#lock.acquireSync(options);\n    if (guard.recovered) this.#swept = false;\n",
    "    using _guard = this.#lock.acquireSync(options);\n",
    ["files/json_place"],
  ),
  mutant(
    "a document gets another owner",
    DURABLE,
    "    if (last !== undefined) makeAlike(fd, path, last);\n",
    "",
    ["files/json_place"],
  ),
  mutant(
    "a document is written after its lock was closed",
    "src/files/json_file.ts",
    'if (this.#lock.mode !== "exclusive") {',
    'if (this.path === "") {',
    ["files/json_nested"],
  ),
  mutant(
    "descriptors are inherited",
    NATIVE,
    "flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK",
    "flags | O_NOFOLLOW | O_NONBLOCK",
    ["files/descriptors"],
  ),
  mutant(
    "links are followed",
    NATIVE,
    "flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK",
    "flags | O_CLOEXEC | O_NONBLOCK",
    ["files/refused"],
  ),
  mutant(
    "a removed counter is an empty file",
    "src/files/file_counter.ts",
    "replaceable: editable, create: false }",
    "replaceable: editable }",
    ["files/vanished"],
  ),
  mutant(
    "a sync counts for later writes",
    "src/files/group_commit.ts",
    "    Atomics.store(words, SYNCED, written);",
    "    void written;\n    Atomics.store(words, SYNCED, Atomics.load(words, WRITTEN));",
    ["files/power_loss"],
  ),
  mutant(
    "the files of a thread stay open after its end",
    "src/runtime/thread_end.ts",
    '    callAtThreadEnd("close", fd);\n',
    "    void callAtThreadEnd;\n",
    ["files/thread_end"],
  ),
  mutant(
    "a descriptor is freed before the thread that closes it ends",
    "src/runtime/thread_end.ts",
    "  if (!registered.has(fd)) return closeFile(fd);\n",
    "  if (fd >= 0) return closeFile(fd);\n",
    ["files/thread_end"],
  ),
  mutant(
    "a mapping keeps the lock of a leader whose thread ended",
    "src/files/group_commit.ts",
    "return mapFile(mapped.fd!, path, PAGE);",
    "return mapFile(fd, path, PAGE);",
    ["files/thread_end"],
  ),
];
