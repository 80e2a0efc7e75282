/**
 * Checks that the project can be published: `deno task check-release v1.2.3`.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** What a release consists of, and where it comes from. */
export interface Release {
  /** The tag that is released, such as `v1.2.3`. */
  readonly tag: string | undefined;
  /** The repository whose workflow runs, as GitHub names it (`owner/name`); `undefined` elsewhere. */
  readonly workflowOf: string | undefined;
  readonly deno: { readonly version: string };
  readonly npm: {
    readonly version: string;
    readonly repository?: string | { readonly url: string };
  };
  readonly lock: { readonly version: string };
  readonly changelog: string;
}

/** The owner in the address of a repository that is not decided. */
const PLACEHOLDER = "OWNER";

/** The `owner/name` in the address of a repository on GitHub. */
function repositoryOf({ repository }: Release["npm"]): string | undefined {
  const address = typeof repository === "object" ? repository.url : repository;
  return /github(?:\.com\/|:)([\w.-]+\/[\w.-]+?)(?:\.git)?$/.exec(address ?? "")?.[1];
}

/** Why a release cannot be published; empty if it can. */
export function reasonsAgainst(release: Release): string[] {
  const { tag, workflowOf, deno, npm, lock, changelog } = release;
  const reasons = [];
  if (tag === undefined) reasons.push("No tag was given. Run: deno task check-release v1.2.3");
  else if (tag !== `v${deno.version}`) {
    reasons.push(`The tag is ${tag}, but deno.json has version ${deno.version}`);
  }
  for (const [file, { version }] of [["package.json", npm], ["package-lock.json", lock]] as const) {
    if (version !== deno.version) {
      reasons.push(`${file} has version ${version}, but deno.json has ${deno.version}`);
    }
  }
  const heading = changelog.split("\n").find((line) => line.startsWith(`## ${deno.version} `));
  if (!/\(\d{4}-\d\d-\d\d\)$/.test(heading ?? "")) {
    reasons.push(
      `CHANGELOG.md has ${heading === undefined ? "no heading" : `"${heading}"`}, but needs ` +
        `"## ${deno.version} (YYYY-MM-DD)"`,
    );
  }
  const repository = repositoryOf(npm);
  if (repository === undefined) {
    reasons.push('package.json has no "repository" on GitHub, which proves the origin on npm');
  } else if (repository.split("/")[0] === PLACEHOLDER) {
    reasons.push(
      `The repository in package.json is the placeholder ${repository}: write its real address`,
    );
  } else if (workflowOf !== undefined && workflowOf !== repository) {
    reasons.push(`This is ${workflowOf}, but the repository in package.json is ${repository}`);
  }
  return reasons;
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const read = (path: string) => readFileSync(root + path, "utf8");
  const release: Release = {
    tag: process.argv[2],
    workflowOf: process.env.GITHUB_REPOSITORY,
    deno: JSON.parse(read("deno.json")),
    npm: JSON.parse(read("package.json")),
    lock: JSON.parse(read("package-lock.json")),
    changelog: read("CHANGELOG.md"),
  };
  const reasons = reasonsAgainst(release);
  for (const reason of reasons) console.error(`Cannot publish: ${reason}`);
  if (reasons.length > 0) process.exit(1);
  console.log(`${release.tag} is ready to publish`);
}
