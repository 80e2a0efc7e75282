import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { ChildError, Children, nextOf } from "../../src/host/children.ts";
import { adapter } from "../../src/runtime/mod.ts";

const ECHO = new URL("./fixtures/echo.ts", import.meta.url);
const { name, version } = adapter;
const runtime = { name, version, path: process.execPath };
const never = new AbortController().signal;

function start(children: Children, path = process.execPath) {
  return children.start<string>({
    runtime: { ...runtime, path },
    what: "an echo",
    program: ECHO,
    args: [],
    imports: false,
    duty: "echoed",
  });
}

describe("children", () => {
  it("get the same line, and are waited for", async () => {
    await using children = new Children(never);
    const all = [start(children), start(children)];
    let messages = 0;
    children.tell('"one"');
    assert.deepEqual(await nextOf(all, () => messages++), ["one", "one"]);
    assert.equal(messages, 2);
  });

  it("give their messages in order, also to waits at the same time", async () => {
    await using children = new Children(never);
    const child = start(children);
    const first = nextOf([child, child]);
    for (const line of ['"one"', '"two"', '"three"']) child.tell(line);
    assert.deepEqual(await first, ["one", "two"]);
    child.tell('"end"');
    await child.ended;
    assert.equal(await child.next(), "three", "it was printed before the end");
  });

  it("fail if one of them ends too early: its name, its status and its last words", async () => {
    await using children = new Children(never);
    const [child, other] = [start(children), start(children)];
    child.tell('"end"');
    await assert.rejects(nextOf([other, child]), (error: Error) => {
      assert.ok(error instanceof ChildError);
      assert.match(error.message, /^an echo \(\w+, pid \d+\) ended with status 3 before it had /);
      assert.match(error.message, /echoed:\ntold to end$/);
      return true;
    });
    await assert.rejects(child.next(), ChildError, "and all later waits");
  });

  it("fail if one of them says so", async () => {
    await using children = new Children(never);
    const [child, other] = [start(children), start(children)];
    child.tell('{ "failed": "no room" }');
    await assert.rejects(nextOf([other, child]), /ChildError: an echo \(.*\) failed: no room$/);
  });

  it("fail if one of them cannot start", async () => {
    await using children = new Children(never);
    const child = start(children, "/no/such/program");
    await assert.rejects(child.next(), /before it had echoed:\nCannot start \/no\/such\/program/);
  });

  it("may print other text, which is shown if they fail", async () => {
    await using children = new Children(never);
    const child = start(children);
    child.tell("plain: no JSON, and ");
    child.tell('plain: {"kind":"ready"}'); // Without a newline, before the message.
    child.tell('"one"');
    assert.equal(await child.next(), "one");
    child.tell('"end"');
    await assert.rejects(child.next(), (error: Error) => {
      assert.match(error.message, /no JSON, and \{"kind":"ready"\}/);
      assert.match(error.message, /told to end/);
      return true;
    });
  });

  it("may end when they are done", async () => {
    await using children = new Children(never);
    const [child, other] = [start(children), start(children)];
    child.tell('"end"');
    await child.ended;
    other.tell('"still here"');
    assert.equal(await other.next(), "still here");
  });

  it("fail with the reason of the signal", async () => {
    const controller = new AbortController();
    await using children = new Children(controller.signal);
    const child = start(children);
    const next = child.next();
    controller.abort(new Error("enough"));
    await assert.rejects(next, /^Error: enough$/);
    assert.equal((await child.ended).signal, "SIGKILL");
    await using later = new Children(controller.signal);
    assert.throws(() => start(later), /^Error: enough$/);
  });

  it("have ended when they are disposed of", async () => {
    const children = new Children(never);
    const child = start(children);
    await children[Symbol.asyncDispose]();
    assert.equal((await child.ended).signal, "SIGKILL");
  });
});
