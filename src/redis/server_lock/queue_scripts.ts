import { FRESH_MS, GRACE_MS, HOLDER_KEPT_MS } from "../lease/server_times.ts";
import { WAITER_FUNCTIONS } from "../lease/waiter_scripts.ts";

/** How many waiters are told to look after those before them. */
const LOOKING = 4;

/**
 * The part of the scripts that wakes waiters: `wake` tells the first one to ask, or the first few
 * if all of them share. Those behind them look in turn, half a second after one another, in case
 * the ones before them are stopped; each is told only if it would look later. A waiter that broke
 * its promise, or does not hear the message, is dropped. They wait for less if it may be dead.
 *
 * `wake(true)`, by a script that has deleted `lock`, grants the lock at once to a first waiter that
 * wants it exclusively and came a moment ago, for a quarter of its lease. It must confirm that with
 * a renewal, since it may have been stopped meanwhile. One that came earlier must ask, since it
 * could not tell well enough when its lease began.
 *
 * A waiter whose promise has a fraction is counted: its messages have a receiver while it lives.
 * This is seen when it enters the queue, and false if it listens at another node of a cluster, as
 * after the slot has moved. Such a waiter hears what is sent to it, and is not counted: a grant
 * needs a receiver at this moment.
 *
 * The locals that it uses: `queueKey`, `seenKey`; the time of the server, `us` in microseconds and
 * `now` in milliseconds; for `wake(true)`, the last `token`.
 */
export const QUEUE_FUNCTIONS = `
local channel = string.sub(KEYS[1], 1, -5) .. 'wake:'
local countable
${WAITER_FUNCTIONS}
local function shares(waiter)
  return string.sub(waiter, 1, 1) == 'r'
end
-- Grants the lock to a waiter, unless it must ask.
local function grant(waiter, ticket)
  local who, lease, tokens, owner = string.match(waiter, '^w:([^:]+:%d+):(%d+):(%d+)( .*)$')
  if not who or us - ticket > ${FRESH_MS * 1000} or not hears(waiter) then return false end
  local term = math.min(lease, math.max(math.floor(lease / 4), ${GRACE_MS}))
  local next = math.max(token + 1, us)
  forget(waiter)
  tell(waiter, string.format('grant:%.0f:%d', next, term))
  redis.call('SET', KEYS[1], who .. owner, 'PX', term)
  local last = string.format('%.0f', next + tokens - 1)
  redis.call('HSET', KEYS[2], 'token', last, 'holder', who .. owner)
  redis.call('PEXPIRE', KEYS[2], ${HOLDER_KEPT_MS})
  return true
end
local function wake(grants)
  local rank, sharing, delay = 0, false, ${GRACE_MS}
  while true do
    local waiter, seen, ticket = waiterAt(rank)
    if not waiter then return end
    if rank > 0 and not (sharing and shares(waiter)) then break end
    if grants and rank == 0 and not shares(waiter) and grant(waiter, ticket) then break end
    if told(waiter, seen, 'go', grace()) then
      rank, sharing, delay = rank + 1, shares(waiter), grace()
    end
  end
  for _ = 1, ${LOOKING} do
    local waiter, seen
    repeat
      waiter, seen = waiterAt(rank)
      if not waiter then return end
      local by = delay + grace()
    until seen <= now + by + 1 or told(waiter, seen, 'next:' .. delay, by)
    rank, delay = rank + 1, delay + grace()
  end
end
`;
