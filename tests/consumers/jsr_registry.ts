import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import deno from "../../deno.json" with { type: "json" };
import { run } from "./project.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { name, version, exports } = deno;
const PACKAGE = `api/scopes/${name.slice(1).replace("/", "/packages/")}`;
const TYPES: Readonly<Record<string, string>> = { ts: "text/typescript", json: "application/json" };
/** The identity of the one task of publishing. */
const TASK = "00000000-0000-4000-8000-000000000000";

/**
 * A registry on 127.0.0.1 that speaks the protocol of JSR. `deno publish` sends it the package, with
 * the specifiers that it writes for JSR, and Deno imports it from there by `jsr:`.
 */
export class JsrRegistry implements AsyncDisposable {
  /** The files that were published. */
  readonly folder: string;
  /** What `deno publish` printed. */
  messages = "";
  #graph: object = {};
  readonly #server: Server;
  readonly #deno: string;

  private constructor(server: Server, folder: string, denoPath: string) {
    this.#server = server;
    this.folder = folder;
    this.#deno = denoPath;
  }

  /**
   * Starts a registry and publishes the project to it.
   *
   * @param folder An empty folder for the published files.
   */
  static async start(denoPath: string, folder: string): Promise<JsrRegistry> {
    const server = createServer((request, response) => {
      registry.#answer(request).then(([status, body, type = "application/json"]) => {
        response.writeHead(status, { "content-type": type }).end(body);
      }, (error) => response.writeHead(500).end(String(error)));
    });
    const registry = new JsrRegistry(server, folder, denoPath);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const flags = ["--no-check", "--allow-dirty", "--no-provenance", "--token=none"];
      const { stdout, stderr } = await run([denoPath, "publish", ...flags], {
        cwd: ROOT,
        env: registry.environment,
      });
      registry.messages = stdout + stderr;
      registry.#graph = await registry.#readGraph();
    } catch (error) {
      await registry[Symbol.asyncDispose]();
      throw error;
    }
    return registry;
  }

  /** The variables with which Deno uses this registry. */
  get environment(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return { JSR_URL: `http://127.0.0.1:${port}/` };
  }

  async #answer(
    request: IncomingMessage,
  ): Promise<[status: number, body: Uint8Array | string, type?: string]> {
    const { pathname } = new URL(request.url!, "http://127.0.0.1");
    const path = pathname.slice(1);
    if (request.method === "POST") {
      await unpack(await buffer(request), this.folder);
      return [200, JSON.stringify({ id: TASK, status: "success", error: null })];
    }
    switch (path) {
      case PACKAGE: // It exists, but not this version.
        return [200, "{}"];
      case `${name}/meta.json`:
        return [200, JSON.stringify({ name, latest: version, versions: { [version]: {} } })];
      case `${name}/${version}_meta.json`:
        return [
          200,
          JSON.stringify({ manifest: this.#manifest(), exports, moduleGraph2: this.#graph }),
        ];
    }
    const file = path.split(`${name}/${version}/`)[1];
    if (file === undefined || !(`/${file}` in this.#manifest())) {
      return [404, JSON.stringify({ code: "notFound", message: `There is no ${path}` })];
    }
    return [200, readFileSync(join(this.folder, file)), TYPES[file.split(".").at(-1)!]];
  }

  /** What each module imports, as JSR tells Deno, which then loads modules before it has read others. */
  async #readGraph(): Promise<object> {
    const files = this.#files().filter((path) => path.endsWith(".ts"));
    const modules: GraphModule[] = [];
    // Of a module that no other imports, Deno describes only what it is asked for.
    for (
      const path of [
        ...Object.values(exports),
        ...files.filter((path) => path.startsWith("workers/")),
      ]
    ) {
      const { stdout } = await run(
        [this.#deno, "info", "--json", "--no-config", "--no-lock", "--no-npm", path],
        {
          cwd: this.folder,
        },
      );
      modules.push(...JSON.parse(stdout).modules);
    }
    const root = pathToFileURL(`${this.folder}/`).href;
    return Object.fromEntries(
      modules.filter(({ specifier }) => specifier.startsWith(root)).map((module) => [
        `/${module.specifier.slice(root.length)}`,
        { dependencies: module.dependencies?.map(describeImport) },
      ]),
    );
  }

  #manifest(): Record<string, { size: number; checksum: string }> {
    return Object.fromEntries(
      this.#files().map((path) => {
        const bytes = readFileSync(join(this.folder, path));
        const checksum = createHash("sha256").update(bytes).digest("hex");
        return [`/${path}`, { size: bytes.length, checksum: `sha256-${checksum}` }];
      }),
    );
  }

  #files(): string[] {
    return readdirSync(this.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.folder.length + 1));
  }

  /**
   * Makes the npm package that JSR offers of a published one: what the exports reach is JavaScript,
   * all other files are as they were published. `deno pack` does the first part, as JSR does.
   *
   * @param folder An empty folder for the package.
   * @returns The file of the package.
   */
  async packForNpm(folder: string): Promise<string> {
    const source = join(folder, "source");
    cpSync(this.folder, source, { recursive: true });
    await run(["ln", "-s", join(ROOT, "node_modules"), "node_modules"], { cwd: source });
    const flags = [
      "--allow-dirty",
      "--allow-slow-types",
      "--no-source-maps",
      "-o",
      "../packed.tgz",
    ];
    await run([this.#deno, "pack", ...flags], { cwd: source });
    await unpack(readFileSync(join(folder, "packed.tgz")), folder);

    const made = join(folder, "package");
    cpSync(this.folder, made, { recursive: true, force: false });
    const path = join(made, "package.json");
    const manifest = JSON.parse(readFileSync(path, "utf8"));
    const code = this.#files().filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(this.folder, file), "utf8")).join("\n");
    manifest.name = `@jsr/${name.slice(1).replace("/", "__")}`;
    manifest.dependencies = Object.fromEntries(
      [...code.matchAll(/"npm:(\w[\w-]*)@([^"/]+)"/g)].map(([, name, range]) => [name, range]),
    );
    writeFileSync(path, JSON.stringify(manifest));
    const { stdout } = await run(["npm", "pack", "--json", made], { cwd: folder });
    return join(folder, JSON.parse(stdout)[0].filename);
  }

  /** Stops the registry. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** A module, as `deno info` describes it. */
interface GraphModule {
  readonly specifier: string;
  readonly dependencies?: readonly GraphImport[];
}

interface GraphImport {
  readonly specifier: string;
  readonly isDynamic?: true;
  readonly code?: { readonly span: Span };
  readonly type?: { readonly span: Span };
  readonly assertionType?: string;
}

interface Span {
  readonly start: Place;
  readonly end: Place;
}

interface Place {
  readonly line: number;
  readonly character: number;
}

function describeImport({ specifier, isDynamic, code, type, assertionType }: GraphImport): object {
  const { start, end } = (code ?? type)!.span;
  const range = [start, end].map(({ line, character }) => [line, character]);
  if (isDynamic) return { type: "dynamic", argument: specifier, argumentRange: range };
  return {
    type: "static",
    kind: code === undefined ? "importType" : "import",
    specifier,
    specifierRange: range,
    ...assertionType && { importAttributes: { known: { type: { known: assertionType } } } },
  };
}

/** Unpacks a `.tar.gz` into a folder. */
async function unpack(archive: Uint8Array, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const tar = spawn("tar", ["-xz", "-C", folder], { stdio: ["pipe", "inherit", "inherit"] });
  tar.stdin.end(archive);
  const [status] = await once(tar, "exit");
  if (status !== 0) {
    throw new Error(`Cannot unpack a package into ${folder}: tar ended with ${status}`);
  }
}
