import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { reasonsAgainst, type Release } from "../../scripts/check_release.ts";
import { adapter } from "../../src/runtime/mod.ts";

const READY: Release = {
  tag: "v1.2.3",
  workflowOf: "someone/interlock",
  deno: { version: "1.2.3" },
  npm: {
    version: "1.2.3",
    repository: { url: "git+https://github.com/someone/interlock.git" },
  },
  lock: { version: "1.2.3" },
  changelog: "# Changelog\n\n## 1.2.3 (2026-12-01)\n\n- News.\n",
};

function reasons(change: Partial<Release>): string[] {
  return reasonsAgainst({ ...READY, ...change });
}

describe("a release", () => {
  it("is published if all agrees", () => {
    assert.deepEqual(reasonsAgainst(READY), []);
    for (
      const repository of ["https://github.com/someone/interlock", "github:someone/interlock"]
    ) {
      assert.deepEqual(reasons({ npm: { version: "1.2.3", repository } }), []);
    }
    assert.deepEqual(reasons({ workflowOf: undefined }), []);
  });

  it("is refused without its tag, or with that of another version", () => {
    assert.match(reasons({ tag: undefined }).join(), /No tag was given/);
    assert.deepEqual(reasons({ tag: "v1.2.4" }), [
      "The tag is v1.2.4, but deno.json has version 1.2.3",
    ]);
    assert.match(reasons({ tag: "1.2.3" }).join(), /The tag is 1\.2\.3/);
  });

  it("is refused if a version differs", () => {
    assert.deepEqual(reasons({ npm: { ...READY.npm, version: "1.2.2" } }), [
      "package.json has version 1.2.2, but deno.json has 1.2.3",
    ]);
    assert.deepEqual(reasons({ lock: { version: "1.2.2" } }), [
      "package-lock.json has version 1.2.2, but deno.json has 1.2.3",
    ]);
  });

  it("is refused without a date in the change log", () => {
    const needs = 'needs "## 1.2.3 (YYYY-MM-DD)"';
    assert.deepEqual(reasons({ changelog: "## 1.2.3 (unreleased)\n" }), [
      `CHANGELOG.md has "## 1.2.3 (unreleased)", but ${needs}`,
    ]);
    assert.deepEqual(reasons({ changelog: "## 1.2.30 (2026-12-01)\n" }), [
      `CHANGELOG.md has no heading, but ${needs}`,
    ]);
  });

  it("is refused without a repository", () => {
    assert.match(reasons({ npm: { version: "1.2.3" } }).join(), /no "repository" on GitHub/);
  });

  it("is refused while the repository is the placeholder, or another one", () => {
    const repository = "https://github.com/OWNER/interlock";
    const expected =
      "The repository in package.json is the placeholder OWNER/interlock: write its real address";
    assert.deepEqual(reasons({ npm: { version: "1.2.3", repository } }), [expected]);
    assert.deepEqual(reasons({ workflowOf: "fork/interlock" }), [
      "This is fork/interlock, but the repository in package.json is someone/interlock",
    ]);
  });

  it("is checked by the task, which says why it cannot be published", () => {
    const script = fileURLToPath(new URL("../../scripts/check_release.ts", import.meta.url));
    const flags = adapter.name === "deno" ? ["run", "-A"] : [];
    const { status, stderr } = spawnSync(process.execPath, [...flags, script, "v0.0.0"], {
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.match(stderr, /^Cannot publish: The tag is v0\.0\.0, but deno\.json has version /m);
  });
});
