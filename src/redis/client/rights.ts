/**
 * Lua that ends a script with an error before its first write, if the user may not run the commands
 * on the key, which is a Lua expression. A script is not rolled back: if a command is refused,
 * earlier writes stay. The reads and the first write need no check, since a refusal there leaves
 * nothing behind; only the commands after the first write do.
 *
 * Servers before Redis 7.0 cannot check this: their scripts stop at the refused command.
 */
export function checkRights(key: string, ...commands: readonly string[]): string {
  // No table and no loop: this is the greater part of what a short script does.
  const refused = commands.map((name) =>
    `not redis.acl_check_cmd('${name}', ${key}) and '${name}'`
  );
  return `
if redis.acl_check_cmd then
  local refused = ${refused.join(" or ")}
  if refused then
    return redis.error_reply("NOPERM This user has no permissions to run the '" ..
      string.lower(refused) .. "' command in a script, or not on its key")
  end
end`;
}
