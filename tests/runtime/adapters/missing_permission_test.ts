import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { missingPermission } from "../../../src/runtime/adapters/missing_permission.ts";

function named(name: string, message: string, fields: object = {}): Error {
  return Object.assign(new Error(message), { name, ...fields });
}

/** Errors of Deno 2.9 and Node 26.10, and the flags that they lack. */
const DENIED: readonly [Error, string][] = [
  [
    named(
      "NotCapable",
      'Requires net access to "127.0.0.1:6379", run again with the --allow-net flag',
    ),
    "Deno was started without --allow-net=127.0.0.1:6379. Add that flag",
  ],
  [
    named("NotCapable", "Requires env access, run again with the --allow-env flag"),
    "Deno was started without --allow-env. Add that flag",
  ],
  [
    named(
      "NotCapable",
      'Requires all access to "/dev/shm", run again with the --allow-all flag',
    ),
    "Deno was started without --allow-all. Add that flag",
  ],
  [
    named(
      "Error",
      "Access to this API has been restricted. Use --allow-fs-read to manage permissions.",
      { code: "ERR_ACCESS_DENIED", resource: "/srv/lock" },
    ),
    "Node was started with --permission and without --allow-fs-read=/srv/lock. Add that flag",
  ],
];

describe("missingPermission", () => {
  it("names the flag that Deno or Node lacks", () => {
    for (const [error, text] of DENIED) assert.equal(missingPermission(error), text);
  });

  it("is undefined for other errors", () => {
    const others = [
      named("NotFound", "Requires net access, run"),
      named("NotCapable", "?"),
      named("Error", "denied", { code: "ERR_ACCESS_DENIED" }),
      named("Error", "Use --allow-net", { code: "EACCES" }),
      "--allow-net",
      undefined,
    ];
    for (const error of others) assert.equal(missingPermission(error), undefined);
  });
});
