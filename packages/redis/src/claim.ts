import { createHash } from "node:crypto";
import type { Connection } from "./connection.ts";
import { isRefusedCommand, isUnknownScript } from "./failure.ts";
import type { Write } from "./write.ts";

/** Puts a value where still stands what was read, or nothing: compared by length, beginning and end (the checksum). */
const SCRIPT = `
local there = redis.pcall('GET', KEYS[1])
if type(there) == 'table' then
  if ARGV[1] ~= 'other' then return 0 end
elseif there then
  if tostring(#there) ~= ARGV[1] or string.sub(there, 1, #ARGV[2]) ~= ARGV[2] or string.sub(there, -#ARGV[3]) ~= ARGV[3] then return 0 end
end
if ARGV[5] == '' then redis.call('SET', KEYS[1], ARGV[4]) else redis.call('SET', KEYS[1], ARGV[4], 'PXAT', ARGV[5]) end
return 1`;
const DIGEST = createHash("sha1").update(SCRIPT).digest("hex");
const BEGINNING_BYTES = 4096;
const END_BYTES = 64;

/** What stands under a key: its bytes, or a value of another type. */
export type Standing = Buffer | "other";

/** Where scripts are not allowed, this is told: what took its place was not atomic. */
export type TellNotAtomic = () => void;

/**
 * Replaces what was read by something else, unless a third thing has taken its place: one script, on the one node of the key.
 *
 * @returns whether it was replaced.
 */
export async function claim(
  connection: Connection,
  read: Standing,
  write: Write,
  signal: AbortSignal | undefined,
  tell: TellNotAtomic,
): Promise<boolean> {
  const expected =
    read === "other"
      ? ["other", "", ""]
      : [String(read.byteLength), read.subarray(0, BEGINNING_BYTES), read.subarray(-END_BYTES)];
  const args = [1, write.key, ...expected, write.frame, write.deleteAt ?? ""];
  try {
    return Number(await evaluate(connection, args, signal)) === 1;
  } catch (error) {
    if (!isRefusedCommand(error)) throw connection.failure("write", error, signal);
  }
  tell();
  await connection.command(
    "write",
    signal,
    "set",
    write.key,
    write.frame,
    ...(write.deleteAt === undefined ? [] : ["PXAT", write.deleteAt]),
  );
  return true;
}

/** By its digest; a server that does not know it yet gets it whole. */
async function evaluate(
  connection: Connection,
  args: readonly (string | number | Buffer)[],
  signal: AbortSignal | undefined,
): Promise<unknown> {
  try {
    return await connection.run("write", signal, (client) => client.callBuffer("evalsha", DIGEST, ...args));
  } catch (error) {
    if (!isUnknownScript(error)) throw error;
  }
  return connection.run("write", signal, (client) => client.callBuffer("eval", SCRIPT, ...args));
}
