import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Helper, type HelperListener, Helpers } from "../../../src/runtime/threads/helper.ts";
import { until } from "../../support/until.ts";
import type { TestJob } from "../fixtures/helper_worker.ts";

type TestHelper = Helper<TestJob, number>;

const LIMIT = { timeout: 60_000 };
const MODULE = new URL("../fixtures/helper_worker.ts", import.meta.url).href;
const GONE: TestJob = { kind: "throw" };

function start(
  listener: HelperListener<TestJob, number> = {},
): { readonly helpers: Helpers<TestJob, number>; readonly helper: TestHelper } {
  const helpers = new Helpers<TestJob, number>("test", MODULE);
  const helper = helpers.start(listener);
  assert.ok(helper, "no helper can be started here");
  return { helpers, helper };
}

function ask(helper: TestHelper, job: TestJob): Promise<number | undefined> {
  return new Promise((resolve) => helper.ask(job, resolve));
}

const makeGate = () => new Int32Array(new SharedArrayBuffer(4));
const isOpen = (gate: Int32Array) => () => Atomics.load(gate, 0) === 1;

/** Ends a helper, so that the test ends. */
async function end(helper: TestHelper): Promise<void> {
  helper.tell(GONE);
  await until("the end of the helper", () => helper.hasEnded);
}

describe("A helper thread", () => {
  it("answers its jobs in their order, and is idle then", LIMIT, async () => {
    let idle = 0;
    const { helper } = start({ onIdle: () => idle++, onNews: () => assert.fail("news") });
    const answers: (number | undefined)[] = [];
    const last = [5, 6, 7].map((value) =>
      ask(helper, { kind: "echo", value }).then((answer) => answers.push(answer))
    );
    assert.equal(helper.isIdle, false);
    await Promise.all(last);
    assert.deepEqual(answers, [5, 6, 7]);
    assert.equal(helper.isReady, true);
    await until("an idle helper", () => helper.isIdle && idle > 0);
    await end(helper);
  });

  it("fails a job that throws, and does the next one", LIMIT, async () => {
    const { helper } = start();
    assert.equal(await ask(helper, { kind: "throw" }), undefined);
    assert.equal(await ask(helper, { kind: "echo", value: 8 }), 8);
    assert.equal(helper.hasEnded, false);
    await end(helper);
  });

  it("tells news before its answer", LIMIT, async () => {
    let news = 0;
    const { helper } = start({ onNews: () => news++ });
    assert.equal(await ask(helper, { kind: "news", count: 3 }), -1);
    assert.equal(news, 3);
    helper.tell({ kind: "news", count: 2 });
    await until("more news", () => news === 5);
    await end(helper);
  });

  it("answers a job that is called off, interrupted until then", LIMIT, async () => {
    const threads: number[] = [];
    const { helper } = start({ interrupt: (thread) => threads.push(thread) });
    const gate = makeGate();
    const answer = new Promise<number | undefined>((resolve) => {
      const number = helper.ask({ kind: "block", gate }, resolve);
      void until("the job", isOpen(gate)).then(() => {
        assert.equal(helper.isCalledOff(number), false);
        assert.equal(helper.callOff(number), true);
        assert.equal(helper.isCalledOff(number), true);
      });
    });
    assert.equal(await answer, 0, "it claimed a job that was called off");
    assert.ok(threads.length > 0 && threads.every((thread) => thread > 0), `${threads}`);
    await end(helper);
  });

  it("is not called off when it has claimed its success", LIMIT, async () => {
    const { helper } = start();
    const gate = makeGate();
    let number = 0;
    const answer = new Promise((resolve) => {
      number = helper.ask({ kind: "claim", gate }, resolve);
    });
    await until("the claim", isOpen(gate));
    assert.equal(helper.callOff(number), false);
    Atomics.store(gate, 0, 2);
    assert.equal(await answer, -2);
    await end(helper);
  });

  it("ends its job, and begins no other, when it is stopped", LIMIT, async () => {
    const { helper } = start();
    const gate = makeGate();
    helper.tell({ kind: "block", gate });
    await until("the job", isOpen(gate));
    helper.stop();
    const next = makeGate();
    helper.tell({ kind: "block", gate: next });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(Atomics.load(next, 0), 0);
  });

  it("fails all its jobs when it ends, and is not replaced", LIMIT, async () => {
    const events: unknown[] = [];
    const { helpers, helper } = start({ onEnd: () => events.push("end") });
    assert.deepEqual([...helpers.all], [helper]);
    await ask(helper, { kind: "echo", value: 1 });
    helper.tell(GONE);
    helper.ask({ kind: "block", gate: makeGate() }, (answer) => events.push(answer));
    await until("the end of the helper", () => helper.hasEnded);
    assert.deepEqual(events, ["end", undefined]);
    assert.equal(helpers.all.size, 0);
    assert.equal(helpers.start({}), undefined);
  });
});
