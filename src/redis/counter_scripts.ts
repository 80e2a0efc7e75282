import { Script } from "./script.ts";

/**
 * How the scripts of counters reply: with the value, or, where they changed nothing, with a list of
 * the reason and the value. A number beyond 2^52 is a text, which no client rounds. Lua's numbers
 * are doubles, exact to 2^53; what is beyond is only ever compared.
 */
const COMMON = `
local function touch(key, ms)
  if ms ~= '' and redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, ms) end
end
`;

/**
 * Keys: the counter; the record of an operation, where it has an identity. Arguments: 1, 2 how much
 * to add, and its negative; 3, 4 the least and the most that a sum may be; 5, 6 by how much the sums
 * on the way to it fall below the last one and rise above it; 7 milliseconds of the counter's life
 * from its first touch on; 8 milliseconds of the record's.
 */
export const ADD: Script = new Script(`${COMMON}
local key, record = KEYS[1], KEYS[2]
if record then
  local done = redis.call('GET', record)
  if done then
    local n, sum = done:match('^(%S+) (%S+)$')
    if n ~= ARGV[1] then return {'other', n} end
    return sum
  end
end
local existed = redis.call('EXISTS', key)
local sum = redis.call('INCRBY', key, ARGV[1])
if sum - ARGV[5] < tonumber(ARGV[3]) or sum + ARGV[6] > tonumber(ARGV[4]) then
  if existed == 0 then
    redis.call('DEL', key)
    return {'beyond', '0'}
  end
  redis.call('INCRBY', key, ARGV[2])
  return {'beyond', redis.call('GET', key)}
end
touch(key, ARGV[7])
local text = string.format('%.0f', sum)
if record then redis.call('SET', record, ARGV[1] .. ' ' .. text, 'PX', ARGV[8]) end
if sum > 4503599627370496 or sum < -4503599627370496 then return text end
return sum`);

/**
 * Keys: the counter. Arguments: 1 what to set it to; 2 what it must be for that, or nothing;
 * 3 milliseconds of its life from its first touch on; 4 whether its value now must be one that can
 * be told exactly ("1").
 */
export const SET: Script = new Script(`${COMMON}
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
  redis.call('SET', key, ARGV[1], 'KEEPTTL')
  touch(key, ARGV[3])
end
return was`);
