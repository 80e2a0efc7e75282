import { askRights } from "./rights.ts";
import { Script } from "./script.ts";

/*
 * How the scripts of counters reply: with the value, or, where they changed nothing, with a list of
 * the reason and the value. A number beyond 2^52 is a text, which no client rounds. Lua's numbers
 * are doubles, exact to 2^53; numbers beyond are only compared. A script is not rolled back, so
 * before it writes, it reads, and checks everything that may fail.
 */

/**
 * Keys: the counter; the record of what was done under a name, where the add has one. Arguments:
 * 1, 2 how much to add, and its negative; 3, 4 the least and the most that a sum may be; 5, 6 by how
 * much the sums on the way to it fall below the last one and rise above it; 7 milliseconds of the
 * counter's life from its first touch on; 8 milliseconds of the record's; 9 which parcel this is of
 * those that come under the name, from 1 on, or nothing where there is only one.
 */
export const ADD: Script = new Script(`
local key, record = KEYS[1], KEYS[2]
if record then
  local done = redis.call('GET', record)
  if done then
    local parcel, n, sum = done:match('^(%d+) (%-?%d+) (%-?%d+)$')
    if not parcel then return redis.error_reply('WRONGTYPE Not the record of an operation') end
    if ARGV[9] == '' then
      if n ~= ARGV[1] then return {'other', n} end
      return sum
    end
    if tonumber(parcel) >= tonumber(ARGV[9]) then return sum end
  end
  ${askRights("record", "SET")}
end
local was = redis.call('GET', key) or '0'
local function isBeyond(sum)
  return sum - ARGV[5] < tonumber(ARGV[3]) or sum + ARGV[6] > tonumber(ARGV[4])
end
-- Of these the sum is compared as exactly here as below; of others INCRBY says what they are.
local isExact = #was <= 15 and (was == '0' or was:match('^%-?[1-9]%d*$'))
if isExact and isBeyond(was + ARGV[1]) then return {'beyond', was} end
local begins = ARGV[7] ~= '' and redis.call('PTTL', key) < 0
if begins then
  ${askRights("key", "PEXPIRE")}
end
local sum = redis.call('INCRBY', key, ARGV[1])
if isBeyond(sum) then
  redis.call('INCRBY', key, ARGV[2])
  return {'beyond', was}
end
if begins then redis.call('PEXPIRE', key, ARGV[7]) end
local text = string.format('%.0f', sum)
if record then
  local parcel = ARGV[9] == '' and '0' or ARGV[9]
  redis.call('SET', record, table.concat({parcel, ARGV[1], text}, ' '), 'PX', ARGV[8])
end
if sum > 4503599627370496 or sum < -4503599627370496 then return text end
return sum`);

/**
 * Keys: the counter. Arguments: 1 what to set it to; 2 what it must be for that, or nothing;
 * 3 milliseconds of its life from its first touch on; 4 whether its value now must be one that can
 * be told exactly ("1").
 */
export const SET: Script = new Script(`
local key = KEYS[1]
local was = redis.call('GET', key) or '0'
if was ~= '0' and not was:match('^%-?[1-9]%d*$') then
  return redis.error_reply('ERR value is not an integer or out of range')
end
local n = tonumber(was)
if ARGV[4] == '1' and (n > 9007199254740991 or n < -9007199254740991) then
  return {'beyond', was}
end
if ARGV[2] == '' or ARGV[2] == was then
  if ARGV[3] ~= '' and redis.call('PTTL', key) < 0 then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[3])
  else
    redis.call('SET', key, ARGV[1], 'KEEPTTL')
  end
end
return was`);
