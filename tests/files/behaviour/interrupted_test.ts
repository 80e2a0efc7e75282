import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { adapter } from "../../../src/runtime/mod.ts";
import { RUN } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const USER = fileURLToPath(new URL("../fixtures/interrupted_process.ts", import.meta.url));
const FILES = ["lock", "count", "count.commit", "document", "document.lock", "document.new"];
/** The system calls on the files and their folder; `?` marks those that not all systems have. */
const CALLS = ["pread64", "pwrite64", "fdatasync", "fsync", "flock", "fcntl", "statx", "fallocate"];
const OF_NAMES = ["openat", "?open", "?mkdir", "?rename", "?renameat", "renameat2", "linkat"];

/** The system calls on a new document, whose name is random. */
const CALLS_OF_NEW = ["fchmod", ...process.getuid!() === 0 ? ["fchown"] : []];

const tried = spawnSync("strace", ["-qq", "-o", "/dev/null", "true"], { encoding: "utf8" });
const skip = tried.status !== 0 &&
  `strace is MISSING or not allowed (${tried.error?.message ?? tried.stderr}): NOT TESTED`;

const WAYS = [...CALLS, ...CALLS_OF_NEW, OF_NAMES.join(",")].map((call) => [call, "EINTR"]);
/** Error numbers of other calls: a call of the engine may change the number before it is read. */
const ODD = [["flock", "ENOENT"], ["fcntl", "ENOENT"]];

describe("Locks, counters and documents that signals interrupt", { skip }, () => {
  for (const [call, error] of [...WAYS, ...ODD]) {
    it(`go on after ${error} of ${call}`, DEADLINE, () =>
      inScratchFolder((scratch) => {
        const folder = join(scratch, "it");
        mkdirSync(folder);
        writeFileSync(join(folder, "document"), '{"done":0}\n');
        // As a loss of power leaves it; the space of a new one is written, not reserved.
        if (call === "fallocate") writeFileSync(join(folder, "count.commit"), "", { mode: 0o600 });
        if (call === "fchown") chownSync(join(folder, "document"), 1, 1); // Kept by each update.
        const log = join(scratch, "log");
        const { status, signal, stdout, stderr } = spawnSync("strace", [
          ...["-f", "-qq", "-o", log, "-e", `trace=${call}`],
          ...["-e", `inject=${call}:error=${error}:when=1+2`],
          ...CALLS_OF_NEW.includes(call)
            ? []
            : ["-P", folder, ...FILES.flatMap((name) => ["-P", join(folder, name)])],
          ...[process.execPath, ...RUN[adapter.name], USER, folder],
        ], { encoding: "utf8", timeout: 50_000 });
        assert.equal(status, 0, `${signal ?? status}: ${stdout}${stderr}`);
        assert.match(stdout, /done/);
        assert.match(readFileSync(log, "utf8"), /INJECTED/, "no call was interrupted");
      }));
  }
});
