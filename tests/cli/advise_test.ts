import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Candidate, CANDIDATES } from "../../src/advice/candidates.ts";
import { decide, type Wish } from "../../src/advice/decide.ts";
import { type Figures, figuresFor, rowIds } from "../../src/advice/figures.ts";
import { adviceJson, adviceText } from "../../cli/advice/text.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { Segment } from "../../src/memory/mod.ts";
import { childEnvironment } from "../support/child_environment.ts";
import { RedisServer, skip } from "../support/redis_server.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { COMMAND, interlock } from "./interlock.ts";

const FRONT = new URL("../../mod.ts", import.meta.url).href;
const REDIS = new URL("../../src/redis/mod.ts", import.meta.url).href;
/** By default, Deno looks for packages in the folder of the program. */
const PROJECT = adapter.name === "deno"
  ? ["--config", fileURLToPath(new URL("../../deno.json", import.meta.url))]
  : [];
const SAMPLE = new URL("../bench/fixtures/results.json", import.meta.url).pathname;
const WISH: Wish = {
  need: "counter",
  reach: "machine",
  survives: "nothing",
  rate: 1000,
  runtime: "bun",
};

/** Figures of Bun by the names of candidates: alone, and 4 together. */
function figures(ns: Record<string, readonly [number, number]>): Figures {
  return {
    ns: Object.fromEntries(CANDIDATES.flatMap(({ name, measured }) => {
      if (ns[name] === undefined) return [];
      const ids = rowIds(measured, "bun");
      return [[ids.alone, ns[name][0]], [ids.together, ns[name][1]]];
    })),
  };
}

const MEASURED = figures({
  "AtomicCounter in an anonymous segment": [4, 9],
  "AtomicCounter in a named segment": [4, 10],
  "StripedCounter in a named segment": [5, 2.5],
  "FileCounter": [5000, 8000],
  "FileCounter, durable": [150_000, 50_000],
});

const chosen = (wish: Partial<Wish>) =>
  decide({ ...WISH, ...wish }, MEASURED).chosen?.candidate.name;
const why = (wish: Partial<Wish>, name: string) =>
  decide({ ...WISH, ...wish }, MEASURED).rejected.find(({ candidate }) => candidate.name === name)
    ?.why;

describe("decide", () => {
  it("chooses the simplest candidate that meets the requirements", () => {
    assert.equal(chosen({}), "AtomicCounter in a named segment");
    assert.equal(chosen({ reach: "process" }), "AtomicCounter in an anonymous segment");
    assert.equal(chosen({ survives: "crash" }), "AtomicCounter in a named segment");
    assert.equal(chosen({ survives: "power" }), "FileCounter, durable");
    assert.equal(chosen({ need: "lock" }), "Mutex in a named segment");
    assert.equal(chosen({ need: "lock", reach: "process" }), "Mutex in an anonymous segment");
  });

  it("chooses the fastest if the simplest has no reserve", () => {
    assert.equal(chosen({ rate: 50e6 }), "AtomicCounter in a named segment");
    assert.equal(chosen({ rate: 51e6 }), "StripedCounter in a named segment");
    assert.equal(chosen({ rate: 399e6 }), "StripedCounter in a named segment");
  });

  it("chooses a server for several machines", () => {
    assert.equal(chosen({ reach: "network", survives: "power" }), "RedisCounter");
    assert.equal(chosen({ reach: "network" }), "RedisCounter, coalesced");
    assert.equal(chosen({ reach: "network", need: "lock" }), "RedisLock");
  });

  it("chooses nothing if no candidate is fast enough", () => {
    assert.equal(chosen({ survives: "power", rate: 20_001 }), undefined);
    assert.equal(chosen({ survives: "power", rate: 20_000 }), "FileCounter, durable");
  });

  it("prefers measured candidates, and without figures the simplest", () => {
    const { chosen, rejected } = decide(WISH, figures({ "FileCounter": [5000, 8000] }));
    assert.equal(chosen?.candidate.name, "FileCounter");
    assert.deepEqual(
      rejected.filter(({ why }) => why === "was not measured").map(({ candidate }) =>
        candidate.name
      ),
      [
        "AtomicCounter in a named segment",
        "StripedCounter in a named segment",
        "FileCounter in batches",
        "FileCounter, durable",
        "RedisCounter, coalesced",
        "RedisCounter",
      ],
    );
    const plainest = decide(WISH, figures({})).chosen?.candidate.name;
    assert.equal(plainest, "AtomicCounter in a named segment");
  });

  it("gives the reasons against the others", () => {
    assert.equal(
      why({}, "AtomicCounter in an anonymous segment"),
      "is for the workers of one process only",
    );
    assert.equal(why({ survives: "power" }, "FileCounter"), "does not survive a power loss");
    assert.equal(
      why({ survives: "power" }, "FileCounter in batches"),
      "does not survive a killed process",
    );
    assert.equal(why({ rate: 1e6 }, "FileCounter"), "does at most 125,000 per second");
    assert.equal(why({}, "FileCounter"), "takes 800 times as long");
    assert.equal(
      why({}, "StripedCounter in a named segment"),
      "is faster under contention, which this rate does not need",
    );
  });

  it("returns every candidate, as the choice or with a reason", () => {
    for (const need of ["counter", "lock"] as const) {
      const { chosen, rejected } = decide({ ...WISH, need }, MEASURED);
      const all = CANDIDATES.filter((one) => one.need === need);
      assert.equal(rejected.length + Number(chosen !== undefined), all.length);
    }
  });
});

describe("figuresFor", () => {
  it("keeps only the figures that advice needs", () => {
    const [{ measured }] = CANDIDATES;
    const { alone } = rowIds(measured, "node");
    const kept = figuresFor({
      when: "2026-01-02T03:04:05Z",
      machine: { cpu: "made up", cores: 2 },
      rows: [{ id: alone, median: 4 }, { id: "something/else", median: 5 }],
    });
    assert.deepEqual(kept, {
      run: { when: "2026-01-02T03:04:05Z", cpu: "made up", cores: 2 },
      ns: { [alone]: 4 },
    });
  });
});

describe("the code that advise gives", () => {
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
      .replaceAll('"/tmp/', `"${folder}/${own}/`);
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

  const [remote, local] = [true, false].map((there) =>
    CANDIDATES.filter(({ medium }) => (medium === "Redis") === there)
  );

  it("runs", () =>
    inScratchFolder(async (folder) => {
      await Promise.all(local.map((one) => paste(one, folder)));
    }));

  it("runs on a server", { skip }, () =>
    inScratchFolder(async (folder) => {
      if (skip) return; // Bun ignores `skip` here.
      await using server = await RedisServer.start();
      await Promise.all(remote.map((one) => paste(one, folder, server.url)));
    }));
});

describe("the output of advise", () => {
  const run = { when: "2026-01-02T03:04:05Z", cpu: "made up", cores: 2 };
  const wish: Wish = { ...WISH, survives: "power", rate: 10 };
  const advice = decide(wish, MEASURED);

  it("is text with the code", () => {
    const text = adviceText(wish, advice, { ...MEASURED, run });
    assert.match(
      text,
      /^Use: FileCounter, durable\n {2}Bun: 150 µs per add alone, 50\.0 µs with 4 at once/,
    );
    assert.match(text, /: 20,000 per second\.\n {2}Measured 2026-01-02 on 2 cores of made up; /);
    assert.match(text, /\nWhy not\n(?: {2}\S.*\.\n)+\nCode\n\nimport \{ FileCounter \} from /);
    assert.match(adviceText(wish, advice, figures({})), /\n {2}Not measured yet/);
  });

  it("is JSON if requested", () => {
    const { wish: asked, use, not, measured } = adviceJson(wish, advice, MEASURED);
    assert.deepEqual(asked, wish);
    assert.deepEqual([use?.name, use?.medium, use?.perSecond], [
      "FileCounter, durable",
      "file",
      20_000,
    ]);
    assert.match(use!.code, /new FileCounter/);
    assert.ok(not.every(({ why }) => why !== ""));
    assert.equal(measured, null);
  });
});

describe("interlock advise", () => {
  it("uses the run of --results", async () => {
    const flags = ["--for", "counter", "--where", "machine", "--runtime", "deno"];
    const { status, stdout } = await interlock(["advise", ...flags, "--results", SAMPLE]);
    assert.equal(status, 0);
    assert.match(stdout, /^Use: AtomicCounter in a named segment\n {2}Deno: .* ns per add alone, /);
    assert.match(stdout, /\n {2}Measured 2026-11-24 on 2 cores of made up, for tests/);
  });

  it("ends with 1 if nothing is suitable", async () => {
    const flags = ["--for", "counter", "--where", "machine", "--rate", "1e15", "--json"];
    const { status, stdout } = await interlock(["advise", ...flags, "--results", SAMPLE]);
    assert.equal(status, 1);
    assert.equal(JSON.parse(stdout).use, null);
  });

  it("ends with 2 if options are missing or wrong", async () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ["", /without --for and --where/],
      ["--for lock --where machine --rate 0", /--rate must be above 0 \(given 0\)/],
      ["--rate redis://me:secret@host", /--rate must be above 0 \(given an address, not shown\)/],
      ["--for lock --where machine --results deno.json", /deno\.json: not the results of/],
    ];
    await Promise.all(wrong.map(async ([flags, message]) => {
      const { status, stderr } = await interlock(["advise", ...flags.split(" ").filter(Boolean)]);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /secret/);
      assert.doesNotMatch(stderr, /^\s+at /m, "no stack trace");
    }));
  });
});

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
    const answers = ["1\r", "9\r", "\r", "many\r", "1_00\r", "\r"];
    const flags = ["--results", SAMPLE, "--survive", "power"];
    const { status, seen, left } = await asked(answers, flags);
    assert.equal(status, 0, seen);
    assert.deepEqual(left, []);
    assert.match(seen, /Enter a number from 1 to 3\./);
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
