import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL("./peers/", import.meta.url));
const COMPILERS = ["cc", "gcc", "clang"];
const TIMEOUT_MS = 120_000;

/** What a C twin can be asked for; see the sources in `peers/`. */
export type PeerSubject = "atomic" | "mutex" | "robust-mutex" | "wake-up" | "flock" | "file-lock";

/** The C twins, compiled for this run. */
export class Peers implements Disposable {
  /** The compiler's own line about itself. */
  readonly compiler: string;
  readonly #folder: string;

  private constructor(folder: string, compiler: string) {
    this.#folder = folder;
    this.compiler = compiler;
  }

  /** Compiles them with `-O2`; `undefined` where there is no C compiler. */
  static async build(): Promise<Peers | undefined> {
    for (const compiler of COMPILERS) {
      const version = await run(compiler, ["--version"]).catch(() => undefined);
      if (version === undefined) continue;
      const folder = mkdtempSync(join(tmpdir(), "interlock-peers-"));
      const sources = readdirSync(SOURCES).filter((name) => name.endsWith(".c"));
      const target = ["-o", join(folder, "peers")];
      await run(compiler, ["-O2", "-pthread", ...sources, ...target], { cwd: SOURCES });
      return new Peers(folder, `${version.stdout.split("\n")[0]}, -O2`);
    }
    return undefined;
  }

  /** Runs one in processes of its own: nanoseconds an increment. Its files lie in `where`. */
  async measure(
    subject: PeerSubject,
    workers: number,
    increments: number,
    where: string = tmpdir(),
  ): Promise<number> {
    const files = mkdtempSync(join(where, "interlock-peers-"));
    try {
      const args = [subject, String(workers), String(increments), files];
      const { stdout } = await run(join(this.#folder, "peers"), args, { timeout: TIMEOUT_MS });
      return (JSON.parse(stdout) as { nsPerIncrement: number }).nsPerIncrement;
    } finally {
      rmSync(files, { recursive: true, force: true });
    }
  }

  /** Removes what was compiled. */
  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
