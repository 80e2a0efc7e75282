import { checkRights } from "../client/rights.ts";
import { Script } from "../client/script.ts";

/*
 * The scripts of counters reply with the value, or, if they changed nothing, with a list of the
 * reason and the value. A number beyond 2^52 is a text, which no client rounds. Lua's numbers are
 * doubles, exact to 2^53; greater numbers are only compared. A script is not rolled back, so before
 * it writes, it reads, and checks everything that may fail.
 */

/**
 * Adds. Keys: the counter; the record of the operation, if the add has one. Arguments: 1, 2 the
 * number to add, and its negative; 3, 4 the least and the greatest value; 5, 6 how far the values
 * on the way fall below the last one and rise above it; 7 how many milliseconds after its first
 * change the counter expires, or nothing; 8 how many milliseconds the record is kept; 9 the number
 * of the parcel among those of the operation, from 1, or nothing if there is only one.
 *
 * The record has the number of the last parcel, what it added (0 if it was refused; a parcel is
 * never 0), and the sum.
 */
const ADD = `
local key, record = KEYS[1], KEYS[2]
local parcel = ARGV[9] == '' and '0' or ARGV[9]
if record then
  local done = redis.call('GET', record)
  if done then
    local last, n, sum = done:match('^(%d+) (%-?%d+) (%-?%d+)$')
    if not last then return redis.error_reply('WRONGTYPE Not the record of an operation') end
    if parcel == '0' then
      if n ~= ARGV[1] then return {'other', n} end
      return sum
    end
    if last == parcel and n == '0' then return {'beyond', sum} end
    if tonumber(last) >= tonumber(parcel) then return sum end
  end
  ${checkRights("record", "SET")}
end
local function remember(n, sum)
  redis.call('SET', record, table.concat({parcel, n, sum}, ' '), 'PX', ARGV[8])
end
local was = redis.call('GET', key) or '0'
local function isBeyond(sum)
  return sum - ARGV[5] < tonumber(ARGV[3]) or sum + ARGV[6] > tonumber(ARGV[4])
end
-- Here the sum of these is as exact as below. INCRBY says what is wrong with the others.
local isExact = #was <= 15 and (was == '0' or was:match('^%-?[1-9]%d*$'))
local function refuse()
  -- The client sends its adds in the next parcel, so an old copy of this one must not count.
  if parcel ~= '0' then remember('0', was) end
  return {'beyond', was}
end
if isExact and isBeyond(was + ARGV[1]) then return refuse() end
local begins = ARGV[7] ~= '' and redis.call('PTTL', key) < 0
if begins then
  ${checkRights("key", "PEXPIRE")}
end
local sum = redis.call('INCRBY', key, ARGV[1])
if isBeyond(sum) then
  redis.call('INCRBY', key, ARGV[2])
  return refuse()
end
if begins then redis.call('PEXPIRE', key, ARGV[7]) end
local text = string.format('%.0f', sum)
if record then remember(ARGV[1], text) end
if sum > 4503599627370496 or sum < -4503599627370496 then return text end
return sum`;

/**
 * Replaces the value. Keys: the counter. Arguments: 1 the new value; 2 when it is set: `""` always,
 * `"min"` if it is less than the value, `"max"` if it is greater, else the value that it must
 * replace; 3 how many milliseconds after its first change the counter expires, or nothing; 4 `1` if
 * the value before must be one that can be returned exactly.
 */
const SET = `
local key = KEYS[1]
local was = redis.call('GET', key) or '0'
if was ~= '0' and not was:match('^%-?[1-9]%d*$') then
  return redis.error_reply('ERR value is not an integer or out of range')
end
local n, new, condition = tonumber(was), tonumber(ARGV[1]), ARGV[2]
if ARGV[4] == '1' and (n > 9007199254740991 or n < -9007199254740991) then
  return {'beyond', was}
end
if condition == '' or condition == was or (condition == 'min' and new < n) or
  (condition == 'max' and new > n) then
  if ARGV[3] ~= '' and redis.call('PTTL', key) < 0 then
    redis.call('SET', key, ARGV[1], 'PX', ARGV[3])
  else
    redis.call('SET', key, ARGV[1], 'KEEPTTL')
  end
end
return was`;

/**
 * All of the above in one script: `ADD` with its 9 arguments, `SET` with its 4, and a read without
 * any. It is one, so that a server that has forgotten it refuses all calls that were sent before
 * its answer, and not only some of them: then they can be sent again in their order.
 */
export const COUNTER: Script = new Script(`
if #ARGV == 0 then return redis.call('GET', KEYS[1]) end
if #ARGV == 4 then
${SET}
end
${ADD}`);
