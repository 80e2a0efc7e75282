import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { ChildError, Children } from "../../src/host/children.ts";
import { adapter } from "../../src/runtime/mod.ts";

const ECHO = new URL("./fixtures/echo.ts", import.meta.url);
const { name, version } = adapter;
const runtime = { name, version, path: process.execPath };
const never = new AbortController().signal;

/** Starts a child, whose lines are taken one after the other. */
function start(children: Children, isDone?: () => boolean) {
  const lines: ((line: string) => void)[] = [];
  const child = children.start<string>(
    {
      runtime,
      what: "an echo",
      program: ECHO,
      args: [],
      imports: false,
      receive: (line) => lines.shift()?.(line),
    },
    "echoed",
    isDone,
  );
  return { child, next: () => new Promise<string>((resolve) => lines.push(resolve)) };
}

describe("children", () => {
  it("get the same line, and are waited for", async () => {
    await using children = new Children(never);
    const all = [start(children), start(children)];
    const lines = Promise.all(all.map(({ next }) => next()));
    children.tell('"one"');
    assert.deepEqual(await children.orFailure(lines), ["one", "one"]);
  });

  it("fail if one of them ends too early: its name, its status and its last words", async () => {
    await using children = new Children(never);
    const [{ child }, { next }] = [start(children), start(children)];
    child.tell('"end"');
    await assert.rejects(children.orFailure(next()), (error: Error) => {
      assert.ok(error instanceof ChildError);
      assert.match(error.message, /^an echo \(\w+, pid \d+\) ended with status 3 before it had /);
      assert.match(error.message, /echoed:\ntold to end$/);
      return true;
    });
    await assert.rejects(children.orFailure(next()), ChildError, "and all later steps");
  });

  it("may print other text, which is shown if they fail", async () => {
    await using children = new Children(never);
    const { child, next } = start(children);
    child.tell("no JSON");
    child.tell('"one"');
    assert.equal(await children.orFailure(next()), "one");
    child.tell('"end"');
    await assert.rejects(children.orFailure(next()), /no JSON\ntold to end$/);
  });

  it("may end when they are done", async () => {
    await using children = new Children(never);
    const [{ child }, other] = [start(children, () => true), start(children)];
    child.tell('"end"');
    await child.ended;
    const line = other.next();
    other.child.tell('"still here"');
    assert.equal(await children.orFailure(line), "still here");
  });

  it("fail with the reason of the signal", async () => {
    const controller = new AbortController();
    await using children = new Children(controller.signal);
    const { next } = start(children);
    controller.abort(new Error("enough"));
    await assert.rejects(children.orFailure(next()), /^Error: enough$/);
    await using later = new Children(controller.signal);
    await assert.rejects(later.orFailure(start(later).next()), /^Error: enough$/);
  });

  it("have ended when they are disposed of", async () => {
    const children = new Children(never);
    const { child } = start(children);
    await children[Symbol.asyncDispose]();
    assert.equal((await child.ended).signal, "SIGKILL");
  });
});
