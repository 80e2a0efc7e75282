import type { AsyncLock } from "../contract/async_lock.ts";
import { DeadlockError, LockLostError, timeoutError } from "../contract/errors.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import { millisecondsSince } from "../runtime/moment.ts";
import type { RedisAdapter } from "./adapter.ts";
import { adapterOf, type ConnectionOptions, type RedisSource } from "./adapter_of.ts";
import { compete, type Grant } from "./competition.ts";
import { Hold } from "./hold.ts";
import { reliableTime } from "./lease.ts";
import { Patience } from "./patience.ts";
import { RedisGuard } from "./redis_guard.ts";
import {
  type LockSettings,
  type RedisAcquireOptions,
  type RedisLockOptions,
  settingsOf,
} from "./redis_lock_options.ts";
import { checkReplicas } from "./replicas.ts";
import { type LockRequest, ownerIn, ServerLock, valueOf, waiterOf } from "./server_lock.ts";
import { thisOwner } from "./this_owner.ts";
import { Turnstile } from "./turnstile.ts";
import { Wakes } from "./wakes.ts";

/**
 * A lock on a Redis or Valkey server, for processes on any number of machines. It is a lease: the
 * server forgets a holder that does not renew it, so nobody waits for a dead one for longer than
 * {@linkcode RedisLockOptions.leaseTime}; renewing is done here, until the guard is released.
 *
 * **What no such lock can promise**: that nobody else is inside. A process may be stopped, or its
 * machine asleep, for longer than the lease, and go on in the middle of a write as if nothing had
 * happened; a server that is restarted without its data, or replaced by a replica that had not
 * heard of the lock, gives it out twice. Where two writers do harm, let what is written to refuse
 * the late one: hand it {@linkcode RedisGuard.token}, which only grows. The example does.
 * Otherwise, watch {@linkcode RedisGuard.signal}.
 *
 * @example
 * ```ts ignore
 * import { RedisLock } from "@interlock/interlock/redis";
 * ```
 */
export class RedisLock implements AsyncLock<RedisGuard>, AsyncDisposable {
  /** What the lock is called: the same name is the same lock, for all clients of the server. */
  readonly name: string;

  readonly #settings: LockSettings;
  readonly #adapter: RedisAdapter;
  readonly #server: ServerLock;
  readonly #wakes: Wakes;
  readonly #sleepers = new Set<{ ring(): void }>();
  readonly #turnstile: Turnstile | undefined;
  readonly #client = crypto.randomUUID().replaceAll("-", "");
  readonly #owner: string;
  #count = 0;
  readonly #holds = new Map<Hold, RedisGuard>();
  #closed = false;
}
