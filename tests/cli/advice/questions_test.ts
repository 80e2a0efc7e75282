import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, it } from "node:test";
import { childEnvironment } from "../../support/child_environment.ts";
import { COMMAND } from "../interlock.ts";

const SAMPLE = new URL("../../bench/fixtures/results.json", import.meta.url).pathname;

describe("interlock advise on a terminal", () => {
  /** Runs it on a terminal; gives an answer after each question. */
  async function asked(answers: readonly string[], flags: readonly string[] = []) {
    const command = [...COMMAND, "advise", ...flags].map((word) => `'${word}'`).join(" ");
    const { env, giveBack } = childEnvironment({ TERM: "dumb" });
    const child = spawn("script", ["-qec", command, "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      env,
    });
    child.on("close", giveBack);
    const left = [...answers];
    let seen = "";
    let questions = 0;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      seen += text;
      const now = seen.match(/^> /gm)?.length ?? 0;
      for (; questions < now; questions++) child.stdin.write(left.shift() ?? "\u0004");
    });
    const status = await new Promise((resolve) => child.on("close", resolve));
    return { status, seen, left };
  }

  it("asks for missing options, and again after a wrong answer", async () => {
    const answers = ["1\r", "9\r", "\r", "2\r", "many\r", "0.1k\r", "\r"];
    const flags = ["--results", SAMPLE, "--survive", "power"];
    const { status, seen, left } = await asked(answers, flags);
    assert.equal(status, 0, seen);
    assert.deepEqual(left, []);
    assert.match(seen, /Enter a number from 1 to 3\./);
    assert.match(seen, /Must people or other languages read it\?/);
    assert.match(seen, /Enter a number above 0\./);
    assert.match(seen, /Use: FileCounter, durable/);
  });

  it("ends with 130 after Ctrl-C, and with 2 if the input ends", async () => {
    assert.equal((await asked(["1\r", "\u0003"])).status, 130);
    const { status, seen } = await asked(["1\r", "\u0004"]);
    assert.equal(status, 2, seen);
    assert.match(seen, /the input ended before the last answer/);
  });
});
