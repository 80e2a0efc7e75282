import { GRACE_MS } from "../lease/server_times.ts";
import { WAITER_FUNCTIONS } from "../lease/waiter_scripts.ts";

/**
 * The part of the scripts that wakes waiters: `wake` tells the first one to ask, or the first few
 * if all of them share, and the one behind them that it is next. A waiter that broke its promise,
 * or does not hear the message, is dropped.
 *
 * The locals that it uses: `queueKey`, `seenKey`; `now`, the time of the server in milliseconds;
 * `countable`, whether receivers can be counted.
 */
export const QUEUE_FUNCTIONS = `
local channel = string.sub(KEYS[1], 1, -5) .. 'wake:'
${WAITER_FUNCTIONS}
local function shares(waiter)
  return string.sub(waiter, 1, 1) == 'r'
end
local function wake()
  local rank, sharing = 0, false
  while true do
    local waiter = redis.call('ZRANGE', queueKey, rank, rank)[1]
    if not waiter then return end
    local seen = tonumber(redis.call('ZSCORE', seenKey, waiter) or 0)
    local goes = rank == 0 or (sharing and shares(waiter))
    if seen < now or not tell(waiter, goes and 'go' or 'next') then
      forget(waiter)
    elseif not goes then
      return
    else
      if seen > now + ${GRACE_MS} then redis.pcall('ZADD', seenKey, now + ${GRACE_MS}, waiter) end
      if rank == 0 then sharing = shares(waiter) end
      rank = rank + 1
    end
  end
end
`;
