import assert from "node:assert/strict";
import { constants } from "node:os";
import process from "node:process";
import { describe, it } from "node:test";
import { UnsupportedError } from "../../../src/contract/mod.ts";
import { errno, systemError } from "../../../src/runtime/c/errno.ts";
import { adapter, libc } from "../../../src/runtime/mod.ts";
import { withThreads } from "../../support/thread.ts";

const DEADLINE = { timeout: 60_000 };
const ECHO = new URL("../fixtures/echo_worker.ts", import.meta.url);
const THROWING = new URL("../fixtures/throwing_worker.ts", import.meta.url);

describe("The adapter", () => {
  it("tells which runtime it is", () => {
    const { deno, bun, node } = process.versions as Record<string, string>;
    const name = deno !== undefined ? "deno" : bun !== undefined ? "bun" : "node";
    assert.equal(adapter.name, name);
    assert.equal(adapter.version, { deno, bun, node }[name]);
    assert.equal(adapter.mapping, name === "bun" ? "plain" : "over-wasm");
  });

  it("calls C functions with every type of the port", () => {
    const functions = adapter.bind({
      abs: { parameters: ["i32"], result: "i32" },
      htonl: { parameters: ["u32"], result: "u32" },
      labs: { parameters: ["i64"], result: "i64" },
      memset: { parameters: ["bytes", "i32", "i64"], result: "pointer" },
      strnlen: { parameters: ["pointer", "i64"], result: "i64" },
      strerror: { parameters: ["i32"], result: "pointer" },
    });
    assert.equal(functions.abs(-7), 7);
    assert.equal(functions.htonl(0x010203fe), 0xfe030201);
    assert.equal(functions.labs(-(2 ** 52 + 1)), 2 ** 52 + 1);
    const bytes = new Uint8Array(16);
    assert.ok(functions.memset(bytes.subarray(4, 8), 9, 4) > 0);
    assert.deepEqual([...bytes], [0, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0]);
    const text = functions.strerror(constants.errno.ENOENT);
    const length = functions.strnlen(text, 100);
    const words = new Uint8Array(adapter.bufferAt(text, length)).slice();
    assert.equal(new TextDecoder().decode(words), "No such file or directory");
  });

  it("refuses a function that the C library lacks, and gives the cause", () => {
    assert.throws(
      () => adapter.bind({ interlock_no_such: { parameters: [], result: "i32" } }),
      (error) => error instanceof UnsupportedError && error.cause !== undefined,
    );
  });

  it("returns the address of bytes, also in the middle of a buffer", () => {
    const { memory } = sharedBytes();
    const start = adapter.addressOf(new Uint8Array(memory));
    assert.ok(Number.isSafeInteger(start) && start > 0);
    assert.equal(adapter.addressOf(new Uint8Array(memory, 24)), start + 24);
  });

  it("shows memory at an address without copying it", () => {
    const { memory } = sharedBytes();
    const bytes = new Uint8Array(memory);
    const seen = new Uint8Array(adapter.bufferAt(adapter.addressOf(bytes) + 8, 4));
    bytes[8] = 42;
    assert.equal(seen[0], 42);
    seen[3] = 43;
    assert.equal(bytes[11], 43);
    assert.equal(seen.length, 4);
  });
});

describe("errno", () => {
  it("is the number of the last failed call", () => {
    assert.equal(libc.close(-1), -1);
    assert.equal(errno(), constants.errno.EBADF);
    assert.equal(libc.mkdir(new TextEncoder().encode("/\0"), 0o700), -1);
    assert.equal(errno(), constants.errno.EEXIST);
  });

  it("becomes an error with code, number and path", () => {
    const error = systemError("open", "/nowhere", constants.errno.ENOENT);
    assert.equal(error.message, 'Cannot open "/nowhere": no such file or directory (ENOENT)');
    const { code, errno: number, path } = error as NodeJS.ErrnoException;
    assert.deepEqual([code, number, path], ["ENOENT", constants.errno.ENOENT, "/nowhere"]);
    assert.match(systemError("open", "/x", 4095).message, /errno 4095/);
  });
});

describe("A worker", () => {
  it(
    "answers messages that are sent right after its start, in order",
    DEADLINE,
    () =>
      withThreads(1, ECHO, async ([thread]) => {
        const messages = ["first", 2, { three: [3] }, new Uint8Array([4]), null];
        for (const message of messages) thread.post(message);
        for (const message of messages) assert.deepEqual(await thread.next(), { echo: message });
        thread.post("later");
        assert.deepEqual(await thread.next(), { echo: "later" });
      }),
  );

  it(
    "shares memory with its parent and has a C library of its own",
    DEADLINE,
    () =>
      withThreads(1, ECHO, async ([thread]) => {
        const { memory } = sharedBytes();
        thread.post({ write: memory, at: 3, value: 77 });
        const { thread: id } = await thread.next<{ thread: number }>();
        assert.equal(new Uint8Array(memory)[3], 77);
        assert.notEqual(id, libc.gettid());
      }),
  );

  for (const what of ["error", "text"]) {
    it(
      `that throws ${what} gives its parent an Error`,
      DEADLINE,
      () =>
        withThreads(1, THROWING, async ([thread]) => {
          thread.post(what);
          const error = await thread.next().then(() => undefined, (error) => error);
          assert.ok(error instanceof Error, `not an Error: ${String(error)}`);
          assert.match(error.message, /thrown in the worker/);
        }),
    );
  }

  it("is distinguished from the main thread", () => {
    assert.equal(adapter.parentThread(), undefined);
  });
});

function sharedBytes(): { memory: SharedArrayBuffer } {
  return { memory: new SharedArrayBuffer(64) };
}
