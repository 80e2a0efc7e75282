import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import {
  childrenOf,
  type CountChild,
  existing,
  filesOf,
  Interlock,
  interlock,
  until,
} from "../interlock.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

/** A count that runs until it is killed. */
const ENDLESS = ["count", "file-lock", "--workers", "3", "--increments", "1000000000"];

async function startEndless(
  variables: Record<string, string> = {},
): Promise<{ command: Interlock; children: CountChild[] }> {
  const command = new Interlock(ENDLESS, variables);
  const children = await until("three workers", () => {
    const found = childrenOf(command.process.pid!);
    return found.length === 3 && found;
  });
  return { command, children };
}

const allGone = (children: readonly CountChild[], coordinator: number) =>
  until("all children to be gone", () => {
    const left = childrenOf(coordinator).map(({ pid }) => pid);
    return !children.some(({ pid }) => left.includes(pid));
  });

describe("the end of a count", () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it(`by ${signal} leaves no process and no file`, async () => {
      const { command, children } = await startEndless();
      const files = filesOf(children);
      assert.deepEqual(existing(files), files);
      // Not `command.process.kill`: after it, Deno reports the signal instead of the exit status.
      process.kill(command.process.pid!, signal);
      const { status, stderr } = await command.ended;
      assert.equal(status, 128 + constants.signals[signal], stderr);
      await allGone(children, command.process.pid!);
      assert.deepEqual(existing(files), []);
    });
  }

  it("by Ctrl-C, which signals the whole process group, is no failure", async () => {
    const { command, children } = await startEndless();
    process.kill(-command.process.pid!, "SIGINT");
    const { status, stderr } = await command.ended;
    assert.equal(status, 128 + constants.signals.SIGINT, stderr);
    assert.equal(stderr, "");
    await allGone(children, command.process.pid!);
  });

  it("by SIGKILL leaves no process, and the next run removes its files", () =>
    // In a folder of its own: a run of any other test could be the next one.
    inScratchFolder(async (folder) => {
      const variables = { INTERLOCK_DIR: folder };
      const { command, children } = await startEndless(variables);
      const files = filesOf(children);
      process.kill(command.process.pid!, "SIGKILL");
      await once(command.process, "close");
      await allGone(children, command.process.pid!);
      assert.deepEqual(existing(files), files);
      const next = await interlock(["count", "atomic", "--increments", "10"], variables);
      assert.equal(next.status, 0, next.stderr);
      assert.deepEqual(existing(files), []);
      assert.deepEqual(readdirSync(join(folder, `interlock-${process.getuid!()}`)), []);
    }));

  it("by the SIGKILL of a worker names it and fails", async () => {
    const { command, children } = await startEndless();
    const files = filesOf(children);
    const victim = children.find(({ worker }) => worker.worker === 1)!;
    process.kill(victim.pid, "SIGKILL");
    const { status, stderr } = await command.ended;
    assert.equal(status, 1, stderr);
    assert.match(
      stderr,
      new RegExp(`worker 1 \\(\\w+, pid ${victim.pid}\\) was killed by SIGKILL`),
    );
    await allGone(children, command.process.pid!);
    assert.deepEqual(existing(files), []);
  });

  it("by the SIGKILL of the manager names it and fails", async () => {
    const command = new Interlock(["count", "manager", "--increments", "1000000000"]);
    const manager = await until("the manager and four workers", () => {
      const found = childrenOf(command.process.pid!);
      return found.length === 5 && found.find(({ role }) => role === "manager");
    });
    process.kill(manager.pid, "SIGKILL");
    const { status, stderr } = await command.ended;
    assert.equal(status, 1, stderr);
    assert.match(stderr, new RegExp(`pid ${manager.pid}\\)`));
  });

  it("is quiet if the reader of its output goes away", async () => {
    const command = new Interlock([
      ...ENDLESS.slice(0, 4),
      "--increments",
      "1000",
      "--repeat",
      "100",
      "--json",
    ]);
    await once(command.process.stdout!, "data");
    command.process.stdout!.destroy();
    const { status, stderr } = await command.ended;
    assert.equal(status, 128 + constants.signals.SIGPIPE, stderr);
    assert.doesNotMatch(stderr, /EPIPE|Error|at /);
    await until("its children to be gone", () => childrenOf(command.process.pid!).length === 0);
  });

  it("by SIGINT keeps the rows, which are printed as they are measured", async () => {
    const many = Array<string>(100).fill("atomic");
    const small = ["--workers", "2", "--increments", "10"];
    const command = new Interlock(["count", ...many, ...small]);
    const rows = () => command.stdout.match(/^atomic .* exact$/gm)?.length ?? 0;
    await until("two rows", () => rows() >= 2);
    process.kill(command.process.pid!, "SIGINT");
    const { status, stdout } = await command.ended;
    assert.equal(status, 128 + constants.signals.SIGINT);
    assert.ok(rows() < many.length);
    assert.match(stdout, / exact\n$/, "whole rows");
  });
});
