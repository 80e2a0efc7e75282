import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Candidate, CANDIDATES } from "../../src/advice/candidates.ts";
import { Segment } from "../../src/memory/mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { COMMAND } from "../cli/interlock.ts";
import { childEnvironment } from "../support/child_environment.ts";
import { RedisServer, skip } from "../support/redis_server.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const FRONT = new URL("../../mod.ts", import.meta.url).href;
const REDIS = new URL("../../src/redis/mod.ts", import.meta.url).href;
/** By default, Deno looks for packages in the folder of the program. */
const PROJECT = adapter.name === "deno"
  ? ["--config", fileURLToPath(new URL("../../deno.json", import.meta.url))]
  : [];

describe("the code of a candidate", () => {
  async function paste(
    { name, code }: Candidate,
    folder: string,
    url = "",
  ): Promise<void> {
    // Each has its own segment and folder, since all run at once.
    const own = `advise-test-${process.pid}-${name.replaceAll(/\W+/g, "-")}`;
    const file = join(folder, `${own}.ts`);
    const here = code.replaceAll('"@interlock/interlock"', JSON.stringify(FRONT))
      .replaceAll('"@interlock/interlock/redis"', JSON.stringify(REDIS))
      .replaceAll('"redis://127.0.0.1:6379"', JSON.stringify(url))
      .replaceAll('"my-program"', JSON.stringify(own))
      .replaceAll('"/var/lib/my-program/', `"${folder}/${own}/`);
    writeFileSync(file, here);
    const { env, giveBack } = childEnvironment();
    try {
      const args = [...COMMAND.slice(1, -1), ...PROJECT, file];
      const { stderr } = await promisify(execFile)(COMMAND[0], args, { env });
      assert.equal(stderr, "", name);
    } finally {
      giveBack();
      if (code.includes('"my-program"')) Segment.remove(own);
    }
  }

  // Some differ only in what their server must do.
  const different = CANDIDATES.filter(({ code }, i) =>
    CANDIDATES.findIndex((other) => other.code === code) === i
  );
  const [remote, local] = [true, false].map((there) =>
    different.filter(({ medium }) => (medium === "Redis") === there)
  );

  it("puts no file where a power loss or a restart removes it", () => {
    for (const { name, code, medium } of CANDIDATES) {
      assert.doesNotMatch(code, /\/tmp|\/dev\/shm|\/run\//, name);
      assert.equal(/"\/var\/lib\/my-program\//.test(code), medium === "file", name);
    }
  });

  it("runs", () =>
    inScratchFolder(async (folder) => {
      await Promise.all(local.map((one) => paste(one, folder)));
    }));

  it("runs on a server", { skip }, () =>
    inScratchFolder(async (folder) => {
      if (skip) return; // Bun ignores `skip` here.
      await using server = await RedisServer.start();
      // One after the other: each must connect in time.
      for (const one of remote) await paste(one, folder, server.url);
    }));
});
