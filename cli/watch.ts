import type { Command } from "commander";
import { interruptible, print } from "../src/host/interruption.ts";
import { parseNumber } from "../src/host/numbers.ts";
import { invalidOption, UsageError } from "../src/host/usage_error.ts";
import { addSource } from "./inspect.ts";
import { sourceOf } from "./inspect_source.ts";
import type { SourceFlags } from "./inspect_view.ts";
import { addHelp } from "./options.ts";

interface Flags extends SourceFlags {
  readonly web?: true;
  readonly port?: string;
}

/** Adds `interlock watch`. */
export function addWatch(program: Command): void {
  const command = addSource(program.command("watch"))
    .summary("serve a page that shows locks and counters while they are used")
    .description(
      "Serves a page to this machine that shows what `interlock inspect` shows, in plain words and " +
        "charts, and updates itself: counters, holders, waiters, and holders that died. " +
        "The address that it prints has a secret token, without which nothing is shown. Takes no " +
        "lock and writes nothing. In the terminal: interlock inspect --watch.",
    )
    .option("--web", "serve the page (must be given)")
    .option("-p, --port <number>", "the port of 127.0.0.1 (default: a free one)")
    .action((targets: string[], flags: Flags) =>
      interruptible((signal) => watch(targets, flags, signal))
    );
  addHelp(command, {
    examples: [
      ["interlock watch --web", "all segments of this user"],
      ["interlock watch jobs ./backup.lock --web --port 8080", "one segment and one lock file"],
    ],
    statuses: [[1, "the port cannot be used"]],
  });
}

async function watch(
  targets: readonly string[],
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  if (!flags.web) {
    throw new UsageError("Cannot watch: give --web. In the terminal: interlock inspect --watch");
  }
  const port = portOf(flags);
  const source = await sourceOf(targets, flags);
  try {
    const { serveWatch } = await import("./watch_server.ts");
    await serveWatch(
      source,
      port,
      signal,
      (address) => print(`Open this address in a browser; Ctrl-C ends it:\n${address}`),
    );
  } finally {
    await source.close();
  }
}

function portOf({ port }: Flags): number {
  if (port === undefined) return 0;
  const number = parseNumber(port);
  if (number !== undefined && Number.isInteger(number) && number >= 0 && number < 65_536) {
    return number;
  }
  throw invalidOption("--port", "be a whole number from 0 to 65535", port);
}
