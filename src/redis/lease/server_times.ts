/** How long the others wait for a waiter that was woken and does not come, in milliseconds. */
export const GRACE_MS = 500;
/** Up to how long after its first question a waiter is granted the lock by a release, unasked. */
export const FRESH_MS = 200;
/** How long the first waiter sleeps at most before it asks again, in milliseconds. */
export const LOOK_MS = 5000;
/** How long a server remembers a holder that does not release the lock, in milliseconds. */
export const HOLDER_KEPT_MS: number = 30 * 24 * 60 * 60 * 1000;
/** How long a server keeps the last token after the last use, in milliseconds. */
export const TOKEN_KEPT_MS = 60 * 60 * 1000;
