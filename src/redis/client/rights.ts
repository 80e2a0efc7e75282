/**
 * Lua that ends a script with an error before its first write, if the user may not run the commands
 * on the key, which is a Lua expression. A script is not rolled back: if a command is refused,
 * earlier writes stay. The reads and the first write need no check, since a refusal there leaves
 * nothing behind; only the commands after the first write do.
 *
 * Servers before Redis 7.0 cannot check this: their scripts stop at the refused command.
 */
export function checkRights(key: string, ...commands: readonly string[]): string {
  return `
if redis.acl_check_cmd then
  for _, command in ipairs({ ${commands.map((command) => `'${command}'`).join(", ")} }) do
    if not redis.acl_check_cmd(command, ${key}) then
      return redis.error_reply("NOPERM This user has no permissions to run the '" ..
        string.lower(command) .. "' command in a script, or not on its key")
    end
  end
end`;
}
