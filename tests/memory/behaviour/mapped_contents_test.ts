import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { HEADER } from "../../../src/memory/layout.ts";
import { Memory } from "../../../src/memory/mod.ts";
import type { RuntimeName } from "../../../src/runtime/mod.ts";
import { Child, executableOf, RUN } from "../../support/child.ts";
import { stateOf } from "../../support/thread_state.ts";
import { until } from "../../support/until.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { RUNTIMES, ThreadAgent } from "../fixtures/lock_agents.ts";
import { ROOM } from "../fixtures/lock_agent.ts";

const LIMIT = { timeout: 60_000 };
const DROPPING = new URL("../fixtures/dropping_mappings_process.ts", import.meta.url);
const COLLECTABLE: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: [...RUN.deno, "--v8-flags=--expose-gc"],
  bun: RUN.bun,
  node: [...RUN.node, "--expose-gc"],
};

describe("A mapped file keeps its contents", () => {
  for (const name of RUNTIMES) {
    it(
      `after its mappings are collected, and their process exits: ${name}`,
      LIMIT,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "memory");
          const rounds = 100;
          const args = COLLECTABLE[name];
          const child = new Child(executableOf(name)!, args, DROPPING, [path, String(rounds)]);
          assert.ok(Number(await child.line()) > 0, "no mapping was collected");
          assert.equal(readFileSync(path).readInt32LE(HEADER.end), rounds);
          assert.equal((await child.ended).code, 0);
          assert.equal(readFileSync(path).readInt32LE(HEADER.end), rounds);
        }),
    );
  }

  it(
    "after a worker that had mapped it is terminated",
    LIMIT,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "memory");
        Memory.map(path, ROOM).close();
        for (let i = 1; i <= 5; i++) {
          const agent = await ThreadAgent.start(path);
          const { thread } = await agent.do({ act: "who" });
          const { token } = await agent.do({ act: "take", mutex: 0 });
          assert.equal(token, i, "the token was lost");
          await agent.do({ act: "release", mutex: 0 });
          const before = readFileSync(path).subarray(HEADER.end);
          agent.thread.end();
          await until("the end of the thread", () => stateOf(process.pid, thread) === undefined);
          assert.equal(readFileSync(path).subarray(HEADER.end).equals(before), true);
        }
      }),
  );
});
