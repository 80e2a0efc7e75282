import { type Command, Option } from "commander";
import { LOCK_FLAGS } from "./lock_options.ts";

/** What each option does; commander has texts of its own for the help and the version. */
const HELP: Readonly<Record<string, string>> = {
  shared: "shared lock, together with other shared holders",
  exclusive: "exclusive lock (default)",
  unlock: "unlock the descriptor; with a file, run the command without a lock",
  timeout: "longest time to wait",
  nonblock: "fail at once if the lock is held",
  "no-wait": "the same as --nonblock",
  label: "name of the holder, shown to others",
  "conflict-exit-code": "exit status if the lock is not acquired (default: 1)",
  "exit-code": "the same as --conflict-exit-code",
  close: "do not pass the lock on to the command; interlock holds it until the command ends",
  "no-fork": "become the command instead of waiting for it; writes no record",
  command: "command string for the shell",
  fcntl:
    "lock by fcntl(2) (F_OFD_SETLK); such a lock and a flock(2) lock do not exclude each other",
  start: "first byte to lock by fcntl(2), such as 4096 or 4K (default: 0)",
  length: "number of bytes to lock by fcntl(2) (default: all, even if the file grows)",
  fd: "lock this descriptor of the shell, instead of a file, while the command runs",
  status: "show the holder; exit with 0 if the lock is free, 1 if it is held, 66 if unknown",
  json: "with --status: as JSON",
  verbose: "report each step, and the holder while it waits",
};

/**
 * Adds `interlock lock` to the commands for their help. The command itself has a parser of its own
 * (see lock_options.ts), since loading this one takes longer than the lock.
 */
export function addLock(program: Command): void {
  const command = program.command("lock")
    .summary("run a command while holding a file lock, like flock(1)")
    .description(
      "Runs a command while holding the lock on a file. The lock is compatible with flock(1). The " +
        "command inherits the lock and holds it until it ends, even if interlock is killed. Exits " +
        "with the status of the command; with 127 or 126 if the command cannot be started; with " +
        "65, 66, 71 or 73 if the file cannot be locked or opened. A new file gets a record of the " +
        "holder; if the command appends to the file, create it first. Given only the number of " +
        "a descriptor that the shell has opened, locks or unlocks that.",
    )
    .usage("[options] <file> [--] <command...> | <descriptor>")
    .argument("<file>", "the lock file or a folder; a missing file is created and kept")
    .argument("[command...]", "the command and its arguments")
    .helpOption("-h, --help", "display help for command")
    .version(program.version()!, "-V, --version", "output the version")
    .passThroughOptions();
  for (const [name, { others = [], letters, value }] of Object.entries(LOCK_FLAGS)) {
    const letter = letters === undefined ? "" : `-${letters[0]}, `;
    const of = value === undefined ? "" : ` <${value}>`;
    if (name in HELP) command.addOption(new Option(`${letter}--${name}${of}`, HELP[name]));
    for (const other of others) {
      command.addOption(new Option(`--${other}${of}`, `the same as --${name}`).hideHelp());
    }
  }
}
