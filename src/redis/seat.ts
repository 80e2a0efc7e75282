import { connectionOf, type ConnectionOptions, type RedisSource } from "./adapter_of.ts";
import type { RedisAdapter } from "./adapter.ts";
import { Majority } from "./majority.ts";
import { MajorityWakes } from "./majority_wakes.ts";
import type { LockSettings } from "./redis_lock_options.ts";
import { ServerLock } from "./server_lock.ts";
import { Wakes } from "./wakes.ts";

/** Where a lock is kept: at one server, or at several that vote. */
export interface Seat {
  readonly server: ServerLock | Majority;
  readonly wakes: Wakes | MajorityWakes;
  /** The connection to the one server, if it is one. */
  readonly adapter: RedisAdapter | undefined;
  /** Ends the waits for servers to which nothing was ever sent. */
  stopWaiting(): void;
  /** Closes what was opened. */
  close(): Promise<void>;
}

/**
 * The seat of a lock, as `client` sees it.
 *
 * @throws {MisconfiguredError} If a source is no client and no address.
 * @throws {TypeError} If the name or the sources cannot be used, or not with these settings.
 */
export function seatOf(
  sources: RedisSource | readonly RedisSource[],
  name: string,
  client: string,
  settings: LockSettings,
  options: ConnectionOptions,
): Seat {
  if (!isSeveral(sources)) {
    const adapter = connectionOf(sources, options);
    const server = new ServerLock(adapter, name);
    const wakes = new Wakes(adapter, server, client);
    const stopWaiting = () => adapter.stopWaiting();
    return { server, wakes, adapter, stopWaiting, close: () => adapter.close() };
  }
  const distinct = new Set(sources.map((source) => source instanceof URL ? source.href : source));
  if (sources.length === 0 || distinct.size < sources.length) {
    throw new TypeError(
      `Cannot use ${sources.length} servers for "${name}": they must be one or more, each once`,
    );
  }
  if (settings.fair || settings.wait !== undefined) {
    throw new TypeError(
      `Cannot use several servers for "${name}" with the option ${
        settings.fair ? "fair" : "wait"
      }: ` +
        "each of them has a queue and replicas of its own",
    );
  }
  // A server that does not answer must not use up the lease.
  const { commandTimeout = Math.max(50, Math.min(1000, settings.leaseTime / 10)) } = options;
  const voters = sources.map((source, i) => ({
    adapter: connectionOf(source, { commandTimeout }),
    label: labelOf(source, i),
  }));
  const majority = new Majority(voters, name, settings.restartGuard);
  const wakes = voters.map(({ adapter }, i) => new Wakes(adapter, majority.locks[i], client));
  return {
    server: majority,
    wakes: new MajorityWakes(wakes, majority.quorum),
    adapter: undefined,
    stopWaiting: () => voters.forEach(({ adapter }) => adapter.stopWaiting()),
    async close() {
      await majority.inFlight.idle();
      await Promise.all(voters.map(({ adapter }) => adapter.close()));
    },
  };
}

function isSeveral(
  sources: RedisSource | readonly RedisSource[],
): sources is readonly RedisSource[] {
  return Array.isArray(sources);
}

/** What to call a server: by its address without its password, if that is known. */
function labelOf(source: RedisSource, index: number): string {
  const isAddress = typeof source === "string" || source instanceof URL;
  if (isAddress && URL.canParse(source)) return new URL(source).host || `server ${index + 1}`;
  return `server ${index + 1}`;
}
