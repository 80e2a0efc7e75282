import type { Command } from "commander";
import { existsSync, readFileSync, statSync } from "node:fs";
import process from "node:process";
import {
  ConfigError,
  type CountConfig,
  type CountSetting,
  parseCount,
} from "../src/counting/config.ts";
import { JsonTextError, parseJson } from "../src/contract/json_text.ts";
import { parseNumber } from "../src/host/numbers.ts";
import { systemErrorOf } from "../src/host/system_error.ts";
import { UsageError } from "../src/host/usage_error.ts";
import { checkPossible, defaultsOn } from "./count_limits.ts";
import { nameTyped } from "./options.ts";

/** The flags of `interlock count`. A text that is not a number is kept for the error: `unknown`. */
export interface CountFlags {
  readonly unit?: string;
  readonly workers?: unknown;
  readonly increments?: unknown;
  readonly runtime?: string[];
  readonly granularity?: string;
  readonly repeat?: unknown;
  readonly dir?: string;
  readonly redis?: string;
  readonly cold?: true;
  /** False if `--no-config` was given. */
  readonly config?: string | false;
  readonly json?: true;
  readonly csv?: true;
  readonly markdown?: true;
}

/** The file of settings that is used without `--config`, if the current folder has one. */
export const OWN_CONFIG = "interlock.config.json";
const STDIN = "-";

/** The names of settings that differ from their flags. */
const FLAG_NAMES: Partial<Record<CountSetting, string>> = {
  strategies: "strategies",
  runtimes: "--runtime",
  directory: "--dir",
  warm: "--cold",
};

/** Parses a number; returns a text that is no number unchanged, for the error about it. */
export function numberOr(text: string): unknown {
  return parseNumber(text) ?? text;
}

/** Parses a list with commas. */
export function listOf(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

/**
 * The settings of flags and of a file; flags take precedence.
 *
 * @param command The command, for the names of flags in errors.
 * @throws {UsageError} If a setting is wrong or the file cannot be read: names the flag as it was
 * typed, or the file.
 */
export function settingsFrom(
  strategies: readonly string[],
  flags: CountFlags,
  command: Command,
): CountConfig {
  const { runtime, dir, cold, config: given, ...same } = flags;
  const typed = {
    ...same,
    ...strategies.length > 0 && { strategies },
    ...runtime && { runtimes: runtime },
    ...dir !== undefined && { directory: dir },
    ...cold && { warm: false },
  };
  const file = given ?? ownConfig();
  const nameOf = (setting: CountSetting) =>
    setting in typed || !file
      ? nameTyped(command, FLAG_NAMES[setting] ?? `--${setting}`, process.argv.slice(2))
      : `${setting} in ${nameOfFile(file)}`;
  try {
    const read = file ? readConfig(file) : {};
    const config = parseCount({ ...defaultsOn(), ...read, ...typed }, "the command line", nameOf);
    checkPossible(config);
    const { directory } = config;
    if (directory !== undefined && !isFolder(directory)) {
      throw new UsageError(
        `${nameOf("directory")} must be an existing folder (given ${JSON.stringify(directory)})`,
      );
    }
    return config;
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** The file of the current folder, if there is one; says so, since nothing named it. */
function ownConfig(): string | undefined {
  if (!existsSync(OWN_CONFIG)) return undefined;
  process.stderr.write(`Using the settings in ${OWN_CONFIG} (--no-config ignores it)\n`);
  return OWN_CONFIG;
}

function nameOfFile(file: string): string {
  return file === STDIN ? "the standard input" : file;
}

/** Reads and checks the file by itself, so that an error names the file. */
function readConfig(file: string): object {
  const name = nameOfFile(file);
  let text: string;
  try {
    text = readFileSync(file === STDIN ? 0 : file, "utf8");
  } catch (error) {
    throw new UsageError(systemErrorOf("read the settings in", name, error).message);
  }
  let input: unknown;
  try {
    input = parseJson(text);
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    throw new UsageError(`Cannot read the settings in ${name}: ${error.message}`);
  }
  parseCount(input, name);
  return input as object;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    throw systemErrorOf("use the folder", path, error);
  }
}
