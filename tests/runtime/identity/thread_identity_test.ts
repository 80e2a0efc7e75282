import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import {
  commandLineOf,
  isGone,
  processIdentity,
} from "../../../src/runtime/identity/thread_identity.ts";
import { Program } from "../../support/program.ts";

/** The fields of `/proc/PID/stat` from the state on. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** A thread that runs without memory, as one does that ends: one of the kernel's own. */
function withoutMemory(): number | undefined {
  if (process.platform !== "linux") return undefined;
  return readdirSync("/proc").map(Number).find((pid) => {
    try {
      const { 0: state, 19: startTime, 20: bytes } = pid > 0 ? statOf(pid) : [];
      return bytes === "0" && startTime !== "0" && state !== "Z" && state !== "X";
    } catch {
      return false; // It ended meanwhile.
    }
  });
}

describe("A thread", () => {
  const pid = withoutMemory();
  const skip = pid === undefined && "this /proc shows no thread without memory";

  it("that has lost its memory is gone, though it is there", { skip }, () => {
    const thread = processIdentity(pid!);
    assert.ok(thread.startTime > 0);
    assert.equal(isGone(thread), true);
    assert.equal(isGone({ ...thread, namespace: thread.namespace + 1 }), false);
  });

  it("that has its memory is not gone", () => {
    assert.equal(isGone(processIdentity(process.pid)), false);
    assert.equal(isGone(processIdentity(process.ppid)), false);
  });
});

describe("commandLineOf", () => {
  it("leaves out the passwords of addresses, whatever they contain", async () => {
    const addresses = [
      "redis://user:secret@host:6379/0",
      "redis://:secret@host",
      "redis://user:one secret@two secret@host",
      "redis://user@company:secret@host",
    ];
    await using program = new Program([
      "/bin/sh",
      "-c",
      "echo ready; read _",
      ...addresses,
      "me@host:1",
    ]);
    assert.equal(await program.line(), "ready");
    assert.equal(
      commandLineOf(processIdentity(program.pid)),
      "/bin/sh -c echo ready; read _ redis://user:***@host:6379/0 redis://:***@host " +
        "redis://user:***@host redis://user@company:***@host me@host:1",
    );
  });
});
