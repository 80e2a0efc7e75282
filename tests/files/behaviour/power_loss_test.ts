import assert from "node:assert/strict";
import { readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileCounter } from "../../../mod.ts";
import { GroupCommit } from "../../../src/files/group_commit.ts";
import { TrackedLockFile } from "../../../src/files/tracked_lock_file.ts";
import { libc } from "../../../src/runtime/mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

/** The calls for one file, in order, and the acknowledgements between them. */
type Step =
  | { readonly kind: "write"; readonly bytes: Uint8Array; readonly offset: number }
  | { readonly kind: "sync begins" }
  | { readonly kind: "sync" }
  | { readonly kind: "acknowledged"; readonly value: number };

/**
 * Runs `body`, and records all writes and syncs of the file at `path`. `meanwhile` is called during each
 * sync, in place of another process.
 */
function record(
  path: string,
  steps: Step[],
  body: () => void,
  meanwhile: () => void = () => {},
): void {
  const { pwrite, fdatasync } = libc;
  const define = (name: "pwrite" | "fdatasync", value: unknown) =>
    Object.defineProperty(libc, name, { value, configurable: true });
  const isIt = (fd: number) => readlinkSync(`/proc/self/fd/${fd}`) === path;
  define("pwrite", (fd: number, bytes: Uint8Array, length: number, offset: number) => {
    if (isIt(fd)) steps.push({ kind: "write", bytes: bytes.slice(0, length), offset });
    return pwrite(fd, bytes, length, offset);
  });
  define("fdatasync", (fd: number) => {
    if (isIt(fd)) steps.push({ kind: "sync begins" });
    const result = fdatasync(fd);
    if (isIt(fd)) meanwhile();
    if (isIt(fd)) steps.push({ kind: "sync" });
    return result;
  });
  try {
    body();
  } finally {
    define("pwrite", pwrite);
    define("fdatasync", fdatasync);
  }
}

function write(contents: Uint8Array, { bytes, offset }: Step & { kind: "write" }): Uint8Array {
  const next = new Uint8Array(Math.max(contents.length, offset + bytes.length));
  next.set(contents);
  next.set(bytes, offset);
  return next;
}

/**
 * The contents that a file can have after a loss of power before step `end`: the synced writes and any
 * number of the later ones, in order; the length of any of these times, cut off or filled with zeros. A
 * write of so few bytes in one sector is on the storage or not.
 */
function afterPowerLoss(first: Uint8Array, steps: readonly Step[], end: number): Uint8Array[] {
  let now = first;
  let possible = [first];
  let began = 0;
  for (const step of steps.slice(0, end)) {
    if (step.kind === "write") possible.push(now = write(now, step));
    else if (step.kind === "sync begins") began = possible.length - 1;
    else if (step.kind === "sync") possible = possible.slice(began); // The later writes are in the steps to come.
  }
  return possible.flatMap((contents) =>
    possible.map(({ length }) => {
      const cut = new Uint8Array(length);
      cut.set(contents.subarray(0, length));
      return cut;
    })
  );
}

/** Checks the contents after every possible loss of power; returns how many there were. */
function replay(
  path: string,
  first: Uint8Array,
  steps: readonly Step[],
  values: ReadonlySet<number>,
): number {
  let acknowledged = 7;
  let states = 0;
  for (let end = 0; end <= steps.length; end++) {
    const last = steps[end - 1];
    if (last?.kind === "acknowledged") acknowledged = last.value;
    for (const contents of afterPowerLoss(first, steps, end)) {
      writeFileSync(path, contents);
      using counter = new FileCounter(path);
      const value = counter.getSync();
      const text = JSON.stringify(new TextDecoder().decode(contents));
      assert.ok(values.has(value), `${value}, read of ${text}, was never the count`);
      assert.ok(
        value >= acknowledged,
        `${acknowledged} was acknowledged, but the file has ${text}`,
      );
      states++;
    }
  }
  return states;
}

describe("A durable FileCounter", () => {
  it("has all acknowledged adds after a loss of power at any time", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      const first = new TextEncoder().encode("7\n");
      writeFileSync(path, first);
      const steps: Step[] = [];
      const values = new Set([7]);
      {
        using counter = new FileCounter(path, { durable: true });
        record(path, steps, () => {
          let sum = 7;
          for (const n of [1, 1, 1, 90, 1, 1e6, 1, 1e12, 1, 9e14, 12, 7]) {
            counter.addSync(n);
            values.add(sum += n);
            steps.push({ kind: "acknowledged", value: sum });
          }
        });
      }
      assert.ok(steps.filter(({ kind }) => kind === "sync").length >= 12);
      const states = replay(path, first, steps, values);
      assert.ok(states > steps.length, String(states));
    }));

  it("has them also if others write during a sync, which covers only earlier writes", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      const first = new TextEncoder().encode("7\n");
      writeFileSync(path, first);
      const steps: Step[] = [];
      const values = new Set([7]);
      using plain = new FileCounter(path);
      // Two adders, as in two processes.
      const [one, other] = [0, 1].map(() => {
        const tracked = new TrackedLockFile(path);
        return { tracked, commit: new GroupCommit(tracked) };
      });
      let sum = 7;
      const add = ({ commit }: typeof one) => {
        plain.addSync();
        values.add(++sum);
        return { value: sum, number: commit.written() };
      };
      let late: { value: number; number: number } | undefined;
      const wait = ({ commit }: typeof one, { value, number }: ReturnType<typeof add>) => {
        commit.await(number);
        steps.push({ kind: "acknowledged", value });
      };
      record(path, steps, () => {
        for (let i = 0; i < 5; i++) {
          const early = add(one);
          wait(one, early);
          wait(other, late!);
          late = undefined;
        }
      }, () => late ??= add(other));
      for (const { tracked, commit } of [one, other]) {
        commit.close();
        tracked.close(new Error("closed"));
      }
      plain.close();
      assert.equal(sum, 17);
      assert.ok(replay(path, first, steps, values) > steps.length);
    }));

  it("would lose adds without its sync: the replay notices that", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      const first = new TextEncoder().encode("7\n");
      writeFileSync(path, first);
      const steps: Step[] = [];
      using counter = new FileCounter(path);
      record(path, steps, () => counter.addSync());
      const left = afterPowerLoss(first, steps, steps.length)
        .map((contents) => new TextDecoder().decode(contents));
      assert.ok(left.includes("7\n") && left.includes("8\n"), left.join());
    }));
});
