import { LockLostError, UnsupportedError } from "../../contract/errors.ts";
import { millisecondsSince } from "../../runtime/waiting/instant.ts";
import { retry } from "../client/retry.ts";
import { abandonRequest, type AcquireTarget } from "../lease/acquire_loop.ts";
import type { Grant } from "../lease/attempt.ts";
import { safeTime } from "../lease/lease.ts";
import type { LockRequest } from "../server_lock/server_lock.ts";
import type { LockBackend } from "./lock_backend.ts";

/**
 * Gives a detached hold, which has `value`, to a new request.
 *
 * @throws {LockLostError} If the value does not hold the lock any more.
 * @throws {UnsupportedError} If the lock has several servers.
 * @throws {UnreachableError} If the server did not answer.
 */
export async function attach(
  target: AcquireTarget<LockRequest>,
  { server }: LockBackend,
  value: string,
  request: LockRequest,
): Promise<Grant> {
  if (!("handOn" in server)) {
    throw new UnsupportedError(
      `Cannot attach to ${server.what}: it has several servers. Use one, or acquire the lock`,
    );
  }
  const ask = () => server.handOn({ value, leaseTime: 0 }, request, true);
  let grant: Grant | undefined;
  try {
    grant = await retry(ask, performance.now() + request.leaseTime);
  } catch (error) {
    abandonRequest(target, request); // It may have been attached.
    throw error;
  }
  if (grant === undefined) {
    throw new LockLostError(
      `Cannot attach to ${server.what}: the ticket was attached before, or its lease has run out. ` +
        "Acquire the lock",
    );
  }
  if (millisecondsSince(grant.sent) < safeTime(request.leaseTime)) return grant;
  abandonRequest(target, request);
  throw new LockLostError(
    `Cannot attach to ${server.what}: the server answered after the lease of ` +
      `${request.leaseTime} ms has ended. Use a longer leaseTime`,
  );
}
