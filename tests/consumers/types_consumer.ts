import { join } from "node:path";
import { describe, it } from "node:test";
import { makeProject, run, toolPath } from "./project.ts";

/** A program that uses the types of each entry point. */
const PROGRAM = `
import { type Acquirable, FileCounter, FileLock, type Guard, Segment } from "@interlock/interlock";
import type { Lock } from "@interlock/interlock/contract";
import { CHANNELS, type LockEvent } from "@interlock/interlock/diagnostics";
import { JsonFile } from "@interlock/interlock/files";
import { AtomicCounter, Memory } from "@interlock/interlock/memory";
import { RedisLock } from "@interlock/interlock/redis";

export async function use(path: string): Promise<number> {
  using lock = new FileLock(path, { label: "types" });
  const same: Lock & Acquirable = lock;
  using guard: Guard = await same.acquire({ timeout: 1000 });
  const token: number | undefined = guard.token;
  using counter = new FileCounter(path);
  const count: number = await counter.add(2);
  using document = new JsonFile<{ runs: number }>(path, { initial: { runs: 0 } });
  const runs: number | undefined = (await document.read())?.runs;
  const segment = Segment.anonymous();
  const value: number = segment.mutex("a").runSync(() => segment.counter("b").value);
  const atomic: AtomicCounter = new AtomicCounter(Memory.anonymous(256), 0);
  await using remote = new RedisLock("redis://127.0.0.1", "jobs");
  await using held = await remote.acquire({ signal: AbortSignal.timeout(5) });
  // @ts-expect-error -- A number is not a path.
  new FileLock(5);
  const event: LockEvent = { medium: "files", name: CHANNELS[0] };
  return (event.waited ?? 0) + (token ?? 0) + count + (runs ?? 0) + value + atomic.value + held.left;
}
`;

describe("The declarations of the package compile strictly", () => {
  let made: Promise<string> | undefined;
  const project = () => made ??= makeProject([], { "program.ts": PROGRAM });
  const shapes = {
    nodenext: ["--module", "nodenext"],
    bundler: ["--module", "preserve", "--moduleResolution", "bundler"],
  };
  for (const [resolution, flags] of Object.entries(shapes)) {
    it(`with the module resolution ${resolution}`, async () => {
      const cwd = await project();
      const options = ["--strict", "--target", "es2022", "--lib", "esnext,dom"];
      await run(
        [toolPath("tsc"), ...options, ...flags, "--outDir", join(cwd, resolution), "program.ts"],
        { cwd },
      );
    });
  }
});
