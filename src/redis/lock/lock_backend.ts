import type { RedisAdapter } from "../client/adapter.ts";
import { connectionOf, type ConnectionOptions, type RedisSource } from "../client/adapter_of.ts";
import { backendOf, type LeaseBackend, newClient } from "../lease/lease_server.ts";
import { WakeChannel } from "../lease/wake_channel.ts";
import { QuorumLock } from "../quorum/quorum_lock.ts";
import { WakeChannels } from "../quorum/wake_channels.ts";
import type { LockSettings, ReplicaOptions } from "./redis_lock_options.ts";
import { replicaConnectionOf, ReplicatedLock } from "./replicas.ts";
import { type LockRequest, ServerLock } from "../server_lock/server_lock.ts";

/** The servers of a lock: one, or several that vote. */
export interface LockBackend extends LeaseBackend<LockRequest> {
  readonly server: ServerLock | QuorumLock;
  /** The connection to the one server that decides; `undefined` if others must confirm it. */
  readonly adapter: RedisAdapter | undefined;
}

/**
 * Makes the backend of a lock for one client.
 *
 * @throws {MisconfiguredError} If a source is no client and no address.
 * @throws {TypeError} If the name or the sources cannot be used, or not with these settings.
 */
export function lockBackendOf(
  sources: RedisSource | readonly RedisSource[],
  name: string,
  settings: LockSettings,
  options: ConnectionOptions,
): LockBackend {
  if (!isSeveral(sources)) {
    const { replicas } = settings;
    if (replicas !== undefined) return replicatedBackend(sources, name, replicas, options);
    const adapter = connectionOf(sources, options);
    const backend = backendOf<LockRequest, ServerLock>(adapter, new ServerLock(adapter, name));
    return { ...backend, adapter };
  }
  const distinct = new Set(sources.map((source) => source instanceof URL ? source.href : source));
  if (sources.length === 0 || distinct.size < sources.length) {
    throw new TypeError(
      `Cannot use ${sources.length} servers for a lock: there must be one or more, each once`,
    );
  }
  if (settings.fair || settings.replicas !== undefined) {
    const option = settings.fair ? "fair" : "replicas";
    throw new TypeError(
      `Cannot use several servers for a lock with the option ${option}: each server has a queue ` +
        "and replicas of its own. Leave the option out, or use one server",
    );
  }
  // A server that does not answer must not use up the lease.
  const { commandTimeout = Math.max(50, Math.min(1000, settings.leaseTime / 10)) } = options;
  const servers = sources.map((source, i) => ({
    adapter: connectionOf(source, { commandTimeout }),
    label: labelOf(source, i),
  }));
  const lock = new QuorumLock(servers, name, settings);
  const client = newClient();
  const channels = servers.map(({ adapter }, i) => new WakeChannel(adapter, lock.locks[i], client));
  return {
    client,
    server: lock,
    wakeChannel: new WakeChannels(channels, lock.quorum),
    adapter: undefined,
    stopWaiting: () => servers.forEach(({ adapter }) => adapter.stopWaiting()),
    async close() {
      await lock.close();
      await Promise.all(servers.map(({ adapter }) => adapter.close()));
    },
  };
}

function replicatedBackend(
  source: RedisSource,
  name: string,
  replicas: ReplicaOptions,
  options: ConnectionOptions,
): LockBackend {
  const own = replicaConnectionOf(source, replicas, options);
  const adapter = connectionOf(source, options);
  const backend = backendOf<LockRequest, ServerLock>(
    adapter,
    new ReplicatedLock(adapter, own, name, replicas),
  );
  return {
    ...backend,
    adapter: undefined,
    stopWaiting() {
      backend.stopWaiting();
      own.stopWaiting();
    },
    async close() {
      await own.close();
      await backend.close();
    },
  };
}

function isSeveral(
  sources: RedisSource | readonly RedisSource[],
): sources is readonly RedisSource[] {
  return Array.isArray(sources);
}

/** The name of a server in messages: its address without its password, if that is known. */
function labelOf(source: RedisSource, index: number): string {
  const isAddress = typeof source === "string" || source instanceof URL;
  if (isAddress && URL.canParse(source)) return new URL(source).host || `server ${index + 1}`;
  return `server ${index + 1}`;
}
