import type nodeProcess from "node:process";
import { LIBC_NAMES, openFirst } from "./libraries.ts";
import type { CAccess, CFunctions, CSignatures } from "./port.ts";

/** The part of koffi that is used here. */
interface Koffi {
  load(name: string): Library;
  address(source: ArrayBufferView): bigint;
  view(address: bigint, size: number): ArrayBuffer;
}

/** A library that is open. */
interface Library {
  func(name: string, result: string, parameters: readonly string[]): unknown;
}

// Of 64 bits as numbers: koffi takes both, and returns a bigint only above 2^53.
const TYPES = {
  i32: "int32_t",
  u32: "uint32_t",
  i64: "int64_t",
  pointer: "int64_t",
  bytes: "void *",
} as const;

/** The name under which a thread tells the workers that it starts which koffi it has loaded. */
const INHERITED = "interlock: koffi";

declare const __filename: unknown;

/**
 * The path of the koffi that the thread which started this one uses; `undefined` if it uses none.
 */
export function inheritedKoffi(process: typeof nodeProcess): string | undefined {
  const threads = process.getBuiltinModule("node:worker_threads");
  return threads.getEnvironmentData(INHERITED) as string | undefined;
}

/**
 * The path of koffi as Node finds it from this module, from the bundle that contains it, or from
 * the program. A worker uses that of the thread that started it, since its own module may be a
 * `data:` URL, from which nothing is found.
 */
function find(process: typeof nodeProcess): string | undefined {
  const inherited = inheritedKoffi(process);
  if (inherited !== undefined) return inherited;
  const { createRequire } = process.getBuiltinModule("node:module");
  const bases = [
    () => import.meta.url,
    // Of a bundle in CommonJS, which has no URL; in a text that Node runs, it is no path.
    () => typeof __filename === "string" ? __filename : "",
    () => process.argv[1] ?? `${process.cwd()}/`,
  ];
  for (const base of bases) {
    try {
      return createRequire(base()).resolve("koffi");
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_ACCESS_DENIED") throw error;
      // It is not there, `base` gives no file, or the working directory was removed.
    }
  }
  return undefined;
}

/**
 * Calls of C by the package koffi; `undefined` if it is not installed.
 *
 * @throws {Error} If it is installed, but cannot be loaded.
 */
export function nodeKoffi(process: typeof nodeProcess): CAccess | undefined {
  const path = find(process);
  if (path === undefined) return undefined;
  const koffi = process.getBuiltinModule("node:module").createRequire(path)(path) as Koffi;
  process.getBuiltinModule("node:worker_threads").setEnvironmentData(INHERITED, path);
  const libraries = new Map<string, Library>();

  function load(name: string): Library {
    const library = libraries.get(name) ?? koffi.load(name);
    libraries.set(name, library);
    return library;
  }

  function bind<const S extends CSignatures>(
    signatures: S,
    libraries: readonly string[] = LIBC_NAMES,
  ): CFunctions<S> {
    return openFirst(libraries, `${process.platform} ${process.arch}`, (name) => {
      const library = load(name);
      return Object.fromEntries(
        Object.entries(signatures).map(([name, { parameters, result }]) => [
          name,
          // SAFETY: a signature must be that of the C function; koffi checks no lengths.
          library.func(name, TYPES[result], parameters.map((type) => TYPES[type])),
        ]),
      ) as CFunctions<S>;
    });
  }

  return {
    bind,
    // SAFETY: see the port: the caller keeps `bytes` alive and passes memory that does not move.
    addressOf: (bytes) => Number(koffi.address(bytes)),
    // SAFETY: see the port: the memory stays mapped as long as the buffer is used.
    bufferAt: (address, size) => koffi.view(BigInt(address), size),
  };
}
