/**
 * Lua that ends a script with an error, before it has written anything, if its user may not run the
 * commands on the key that the Lua expression gives. A script is not rolled back: what it has written
 * before a command is refused stays. What it runs before it writes, and the first command that it
 * writes by, refuse by themselves; these are for those behind.
 *
 * Servers before Redis 7.0 cannot be asked; there, such a right is missed in the middle.
 */
export function askRights(key: string, ...commands: readonly string[]): string {
  return `
if redis.acl_check_cmd then
  for _, command in ipairs({ ${commands.map((command) => `'${command}'`).join(", ")} }) do
    if not redis.acl_check_cmd(command, ${key}) then
      return redis.error_reply('NOPERM This user has no permissions to run ' .. command)
    end
  end
end`;
}
