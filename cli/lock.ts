import { Command, InvalidArgumentError, Option } from "commander";
import process from "node:process";
import { LABEL_LENGTH } from "../src/files/lock_record.ts";
import { interruptible } from "./interruption.ts";
import { showStatus } from "./lock_status.ts";
import { type LockedRun, runLocked } from "./locked_run.ts";
import { UsageError } from "./usage_error.ts";

interface Flags {
  shared?: true;
  timeout?: number;
  /** False where `--no-wait` was given. */
  wait?: boolean;
  nonblock?: true;
  nb?: true;
  label?: string;
  exitCode?: number;
  close?: true;
  command?: string;
  status?: true;
  verbose?: true;
}

/** Adds `interlock lock`. */
export function addLock(program: Command): void {
  const command = program.command("lock")
    .summary("run a command while holding a file lock, as flock(1) does")
    .description(
      "Runs a command while holding the lock on a file, as flock(1) does; the two exclude each " +
        "other. The command inherits the lock: it is held until the command ends, also if " +
        "interlock is killed. Exits with the status of the command; with 127 or 126 if it cannot " +
        "be started.",
    )
    .usage("[options] <file> [options] [--] <command...>")
    .argument("<file>", "the lock file; it is made where it is missing, and kept")
    .argument("[command...]", "the command and its arguments");
  addOptions(command).action((file: string, rest: string[], before: Flags) => {
    const { flags, words } = optionsAfterFile(rest);
    return run(file, words, { ...before, ...flags });
  });
}

function addOptions(command: Command): Command {
  return command.passThroughOptions()
    .option("-s, --shared", "together with others that share, instead of alone")
    .option("-x, --exclusive", "alone (default)")
    .addOption(new Option("-e", "the same as -x").hideHelp())
    .option("-w, --timeout <seconds>", "how long to wait at most", seconds)
    .addOption(new Option("--wait <seconds>").argParser(seconds).hideHelp())
    .option("-n, --nonblock", "fail at once where somebody else holds the lock")
    .option("--no-wait", "the same as --nonblock")
    .addOption(new Option("--nb", "the same as --nonblock").hideHelp())
    .option("--label <text>", "what to call the holder, for others to see", label)
    .option("-E, --exit-code <number>", "the status where the lock is not to be had (1)", status)
    .addOption(new Option("--conflict-exit-code <number>").argParser(status).hideHelp())
    .option("-o, --close", "withhold the lock from the command: it ends with interlock")
    .option("-c, --command <string>", "a command for the shell, instead of words")
    .option("--status", "tell who holds the lock, and exit with 0 if it is free, else with 1")
    .option("--verbose", "tell of each step");
}

/** Options may also stand between the file and the command, up to the first word or `--`. */
function optionsAfterFile(rest: string[]): { flags: Flags; words: string[] } {
  if (!rest[0]?.startsWith("-")) return { flags: {}, words: rest };
  const parser = addOptions(new Command("interlock lock FILE").exitOverride())
    .argument("[command...]").helpOption(false);
  parser.parse(rest, { from: "user" });
  return { flags: given(parser), words: parser.args };
}

/** Without the `wait: true` that commander puts in by itself, which would undo a `--no-wait`. */
function given(parser: Command): Flags {
  const all = Object.entries(parser.opts());
  return Object.fromEntries(
    all.filter(([name]) => parser.getOptionValueSource(name) !== "default"),
  );
}

function run(file: string, words: readonly string[], flags: Flags): Promise<void> {
  if (flags.status) {
    if (words.length > 0) throw new UsageError("Cannot tell a status and run a command as well");
    return showStatus(file).then((code) => void (process.exitCode = code));
  }
  const wait = typeof flags.wait === "number" ? flags.wait : flags.timeout;
  const never = flags.wait === false || flags.nonblock || flags.nb;
  const locked: LockedRun = {
    file,
    command: commandOf(words, flags.command),
    shared: flags.shared ?? false,
    timeout: never ? 0 : 1000 * (wait ?? Infinity),
    label: flags.label,
    conflict: flags.exitCode ?? (flags as { conflictExitCode?: number }).conflictExitCode ?? 1,
    close: flags.close ?? false,
    verbose: flags.verbose ?? false,
  };
  return interruptible(
    async (signal) => void (process.exitCode = await runLocked(locked, signal)),
    {
      output: false,
    },
  );
}

function commandOf(words: readonly string[], text: string | undefined): readonly string[] {
  if (text !== undefined && words.length === 0) {
    return [process.env.SHELL || "/bin/sh", "-c", text];
  }
  if (text === undefined && words.length > 0) return words;
  throw new UsageError("Cannot run: name one command, after the file or by -c (--help says how)");
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0) return value;
  throw new InvalidArgumentError("a number of seconds from 0");
}

function status(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 255) return value;
  throw new InvalidArgumentError("a whole number from 0 to 255");
}

function label(text: string): string {
  if (text.length <= LABEL_LENGTH) return text;
  throw new InvalidArgumentError(`at most ${LABEL_LENGTH} characters`);
}
