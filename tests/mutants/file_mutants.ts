import { type Mutant, mutant } from "./mutants.ts";

const HOLDS = "src/files/file_holds.ts";
const TRACKED = "src/files/tracked_lock_file.ts";
const QUEUE = "src/files/lock_queue.ts";
const WAITS = "src/files/kernel_waits.ts";
const RECORD = "src/files/lock_record.ts";
const WAITER = "workers/lock_waiter.ts";
const NATIVE = "src/runtime/native_lock_file.ts";
const DURABLE = "src/runtime/durable.ts";

/** Those of the locks and counters on files. */
export const FILE_MUTANTS: readonly Mutant[] = [
  mutant(
    "the path is not looked at",
    NATIVE,
    "    const path = this.#pathBytes;\n",
    "    return true;\n    const path = this.#pathBytes;\n",
    ["files/vanished", "files/proof"],
  ),
  mutant(
    "the path is not looked at after a wait",
    TRACKED,
    "      if (this.#file.isCurrent()) return true;\n",
    "      return true;\n",
    ["files/vanished", "files/proof"],
  ),
  mutant(
    "the record is written before the lock is had",
    HOLDS,
    "    if (!tracked.takeSync(shared, deadline)) throw lockTimeoutError(tracked.file);\n    return",
    "    if (!shared) this.#record?.enter(tracked.file);\n    if (!tracked.takeSync(shared, deadline)) throw lockTimeoutError(tracked.file);\n    return",
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
    "the record goes into anything",
    RECORD,
    "    if (!isRecord(length) || (length < mark.length && !mayBegin)) return undefined;\n",
    "    void mayBegin;\n",
    ["files/record"],
  ),
  mutant("the token stands still", RECORD, ": last) + 1;", ": last);", ["files/record"]),
  mutant(
    "a release writes without looking",
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
    "what came after the abort is kept",
    TRACKED,
    "        this.release();\n        throw deadline",
    "        throw deadline",
    ["files/acquire", "files/proof"],
  ),
  {
    name: "what a closed lock was granted is kept",
    changes: [
      { file: TRACKED, text: "if (this.#closed !== undefined) throw this.#closed;", by: "" },
      {
        file: HOLDS,
        text: "void this.open; // It may have been closed since: the",
        by: "// It may have been closed since: the",
      },
    ],
    tests: ["files/rejected"],
  },
  {
    name: "what a called-off wait got is kept",
    changes: [
      { file: QUEUE, text: "return wait.file.close(); // It was cancelled.", by: "return;" },
      { file: WAITER, text: "      unlockFd(own); // Called off", by: "      // Called off" },
    ],
    tests: ["files/acquire", "files/proof", "files/descriptors"],
  },
  mutant(
    "who calls off does not know that it was had",
    WAITS,
    "    if (!this.#settle(number)) return this.wait!.file.unlock();\n",
    "    this.#settle(number);\n",
    ["files/acquire"],
  ),
  mutant(
    "waits go on while their thread blocks",
    QUEUE,
    "  suspend(): void {\n    this.#cancel();\n",
    "  suspend(): void {\n",
    ["files/acquire"],
  ),
  mutant(
    "waits are forgotten when their thread has blocked",
    TRACKED,
    "if (!taken) queue.resume();",
    "void queue;",
    ["files/acquire"],
  ),
  mutant(
    "a release serves nobody",
    QUEUE,
    "if (now - this.#turnBegan < TURN_MS) return this.#serve();",
    "if (now - this.#turnBegan < TURN_MS) return;",
    ["files/acquire"],
  ),
  mutant(
    "a shorter number is a shorter text",
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
    "a longer number is not made room for",
    "src/files/counter_file.ts",
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
    "what was begun of a document stays",
    DURABLE,
    "    removeFile(next); // No space",
    "    // No space",
    ["files/full"],
  ),
  mutant(
    "a removed file is given back before its waiters are moved",
    TRACKED,
    "would acquire the old file.\n      this.#reopen();",
    "would acquire the old file.\n      this.release();\n      this.#reopen();",
    ["files/one_lock"],
  ),
  mutant(
    "a task that is granted the lock loses it to a re-entry",
    HOLDS,
    "return this.#bare > 0 || !this.#guards.isEmpty;",
    "return this.#tracked.mode !== undefined;",
    ["files/one_lock"],
  ),
  mutant(
    "what a killed writer has left stays",
    "src/files/json_file.ts",
    "    if (guard.recovered) this.#swept = false;\n    const document = change",
    "    void guard;\n    const document = change",
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
    "src/files/counter_file.ts",
    "      create: false,\n",
    "",
    ["files/vanished"],
  ),
  mutant(
    "a sync is said to cover what was written meanwhile",
    "src/files/group_commit.ts",
    "    Atomics.store(words, SYNCED, written);",
    "    void written;\n    Atomics.store(words, SYNCED, Atomics.load(words, WRITTEN));",
    ["files/power_loss"],
  ),
  mutant(
    "what a thread has open stays open after it",
    "src/runtime/thread_end.ts",
    '    callAtThreadEnd("close", fd);\n',
    "    void callAtThreadEnd;\n",
    ["files/thread_end"],
  ),
  mutant(
    "a number that is closed with the thread is given back before",
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
