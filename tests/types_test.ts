import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import deno from "../deno.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ENTRIES = Object.values(deno.exports).filter((path) => !path.includes("/cli/"));
const DEADLINE = { timeout: 120_000 };

/** What every consumer does, without anything that only newer type libraries declare. */
const PLAIN = `
import {
  type Acquirable, type AcquireOptions, AtomicCounter, elect, FileCounter, FileLock, type Guard, JsonFile,
  locked, Memory, Mutex, type Owner, type PathLike, Segment, UnsupportedError, withLock,
} from "./mod.ts";
import type { AsyncLock, Lock, RawLock, SharableGuard } from "./src/contract/mod.ts";
import { RedisCounter, RedisLock, RedisRateLimiter, RedisSemaphore } from "./src/redis/mod.ts";

export async function use(path: PathLike, options: AcquireOptions): Promise<number> {
  const mutex: RawLock = Segment.anonymous(65536).mutex("jobs");
  const sum: number = mutex.runSync(() => 1 + 1);
  const file = new FileLock(path);
  const lock: Lock = file;
  const guard: Guard = await lock.acquire(options);
  const owner: Owner | undefined = guard.previousOwner;
  guard.release();
  const shared: SharableGuard = file.acquireSync({ shared: true, timeout: 5 });
  const gapless: boolean = await shared.upgrade({ timeout: 5 });
  const token: number | undefined = await withLock(file, (held) => held.token, { shared: true });
  const add = locked(mutex)((n: number, text: string) => n + text.length);
  const added: number = await add(1, "2");
  const counter = new FileCounter("/tmp/count");
  counter.addSync(2);
  const value: number = await counter.get();
  const document = new JsonFile<{ n: number }>("/tmp/n.json", { initial: { n: 0 } });
  const { n } = await document.read() ?? { n: 0 };
  const memory = Memory.anonymous(256);
  const atomic = new AtomicCounter(memory, 0);
  const before: number = atomic.fetchAdd(1);
  const other = Memory.from(memory.handle!);
  new Mutex(other, 128).lock();
  file.close();
  return sum + added + value + n + before + atomic.value + (token ?? 0) + (owner?.pid ?? 0) +
    (gapless ? 1 : 0);
}

export function useRedis(source: string): [AsyncLock, RedisCounter, RedisSemaphore, Error] {
  const lock = new RedisLock(source, "jobs");
  const error = new UnsupportedError("no");
  return [lock, new RedisCounter(source, "n"), new RedisSemaphore(source, "s", 3), error];
}

export async function useRate(source: string): Promise<number> {
  const limiter = new RedisRateLimiter(source, "calls", { limit: 9, interval: 1000, burst: 3 });
  await limiter.acquire({ permits: 2, timeout: 5, key: "a" });
  const { granted, retryAfter, remaining } = await limiter.tryAcquire();
  return granted ? remaining : retryAfter;
}

export async function useTogether(source: string): Promise<void> {
  const lock = new RedisLock(source, ["a", "b"]);
  const guard = await lock.acquire();
  const ticket: string = await guard.detach();
  const token: number | undefined = (await lock.attach(ticket)).token;
  await elect(lock, ({ token: next }) => next === token, { pause: 5 });
  const mutex = Segment.anonymous(65536).mutex("leader");
  await elect(mutex, async ({ token, recovered }): Promise<number> => recovered ? 0 : token);
}

/** A lock of the consumer's own. */
export const own: Acquirable = new FileLock("/tmp/lock");
`;

/** The same with the types of the platform. */
const MODERN = `${PLAIN}
export async function useModern(): Promise<void> {
  using file = new FileLock(new URL("file:///tmp/lock"));
  using _guard = file.acquireSync({ signal: AbortSignal.timeout(5) });
  const disposable: Disposable = file;
  disposable[Symbol.dispose]();
  using segment: Disposable = Segment.anonymous();
  using memory: Disposable = Memory.anonymous(256);
  await using redis = new RedisLock("redis://127.0.0.1", "jobs");
  await using guard = await redis.acquire({ signal: new AbortController().signal });
  const signal: AbortSignal = guard.signal;
  signal.addEventListener("abort", (event) => event.type);
  await fetch("data:,work", { signal: guard.signal });
  const asyncDisposable: AsyncDisposable = guard;
  await asyncDisposable[Symbol.asyncDispose]();
}
`;

/** What a program for the lock manager of the DOM does, with that of a segment. */
const WEB_LOCKS = `
import { Segment } from "./mod.ts";

async function use(locks: LockManager): Promise<string[]> {
  const { signal } = new AbortController();
  const one: number = await locks.request("a", { mode: "shared", signal }, async (lock) => {
    return lock === null ? 0 : lock.name.length;
  });
  const two: string = await locks.request("a", (lock: Lock | null) => lock?.mode ?? "none");
  const { held = [], pending = [] }: LockManagerSnapshot = await locks.query();
  const names = [...held, ...pending].map(({ name, mode, clientId }) => [name, mode, clientId].join());
  return [two, one.toFixed(), ...names];
}

const { locks } = Segment.anonymous(65536);
export const used: Promise<string[]> = use(locks);
export const manager: Pick<Navigator, "locks"> = Segment.anonymous(65536);
`;

/** Options of a consumer; `module` as Node and all bundlers resolve it. */
const CONSUMER: ts.CompilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: false,
  allowImportingTsExtensions: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.Preserve,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: [],
};

/** Writes the declarations of all modules below `src`, and of the first one, into a folder. */
function emitDeclarations(folder: string): void {
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"));
  const program = ts.createProgram([
    join(ROOT, "mod.ts"),
    ...sources.map((path) => join(ROOT, "src", path)),
  ], {
    declaration: true,
    emitDeclarationOnly: true,
    // JSR demands types that are explicit, so that each module's declarations come of it alone.
    noResolve: true,
    noCheck: true,
    allowImportingTsExtensions: true,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.Preserve,
    types: [],
    rootDir: ROOT,
    outDir: folder,
  });
  assert.deepEqual(program.emit().diagnostics.map(textOf), []);
}

function textOf({ file, start, messageText }: ts.Diagnostic): string {
  const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
  return `${file?.fileName}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
}

/** What the compiler says of the declarations and of a consumer. */
function compile(folder: string, text: string, options: ts.CompilerOptions): string[] {
  const consumer = join(folder, "consumer.ts");
  writeFileSync(consumer, text);
  const entries = ENTRIES.map((path) => join(folder, path.replace(/\.ts$/, ".d.ts")));
  const program = ts.createProgram([consumer, ...entries], { ...CONSUMER, ...options });
  return ts.getPreEmitDiagnostics(program).map(textOf);
}

describe("The declarations compile", () => {
  let folder: string | undefined;
  // In the first test, since Bun gives a hook five seconds.
  const declarations = () => {
    if (folder !== undefined) return folder;
    folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
    emitDeclarations(folder);
    return folder;
  };
  after(() => rmSync(folder!, { recursive: true }));

  const consumers: readonly (readonly [string, string, ts.CompilerOptions])[] = [
    ["with ES2022 and nothing else", PLAIN, { lib: ["lib.es2022.d.ts"] }],
    ["with ES2022 and the DOM", PLAIN, { lib: ["lib.es2022.d.ts", "lib.dom.d.ts"] }],
    ["with ES2022 and @types/node", PLAIN, {
      lib: ["lib.es2022.d.ts"],
      types: ["node"],
      typeRoots: [join(ROOT, "node_modules/@types")],
    }],
    ["as the lock manager of the DOM", WEB_LOCKS, { lib: ["lib.es2022.d.ts", "lib.dom.d.ts"] }],
    ["with the newest and the DOM", MODERN, { lib: ["lib.esnext.d.ts", "lib.dom.d.ts"] }],
  ];
  for (const [what, text, options] of consumers) {
    it(what, DEADLINE, () => assert.deepEqual(compile(declarations(), text, options), []));
  }
});
