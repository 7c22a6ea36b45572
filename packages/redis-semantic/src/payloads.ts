import { createHash } from "node:crypto";
import { inSteps, instant, isWrongType, type Connection, type Keys, type RedisCommand } from "@llmcache/redis/internal";
import type { Placement, StoredVectors } from "./engine.ts";
import { FRAME, REJECTED, VECTOR, vectorOf, type Payload, type VectorSpace } from "./layout.ts";
import { Script, type ScriptCall } from "./scripts.ts";

/**
 * Puts an entry under its key, whole: a reader sees the former one or this one. Pairs that were rejected stay, and so do vectors of other
 * embedders while the text is the same.
 * ARGV: what may be replaced ("all", "dead", "damaged"), createdAt, what was refused (its createdAt, or the SHA-1 of its frame),
 * PEXPIREAT or "", what tells the text, then names and values. Gives 0 where nothing was written, else for whom the entry was rejected.
 */
const WRITE: Script = new Script(`
local key = KEYS[1]
if redis.call('TYPE', key).ok ~= 'hash' then
  redis.call('DEL', key)
elseif ARGV[1] ~= 'all' then
  local there = redis.call('HMGET', key, '${FRAME}', 'createdAt', 'deleteAt')
  if there[1] then
    local dead = there[3] and tonumber(there[3]) and tonumber(there[3]) <= tonumber(ARGV[2])
    local refused = ARGV[3] ~= '' and there[2] == ARGV[3]
    if ARGV[1] == 'damaged' then refused = redis.sha1hex(there[1]) == ARGV[3] end
    if not dead and not refused then return 0 end
  end
end
local same = ARGV[5] ~= '' and redis.call('HGET', key, 'compared') == ARGV[5]
for _, field in ipairs(redis.call('HKEYS', key)) do
  if field ~= '${REJECTED}' and not (same and string.sub(field, 1, ${VECTOR.length}) == '${VECTOR}') then
    redis.call('HDEL', key, field)
  end
end
redis.call('HSET', key, unpack(ARGV, 6))
local rejected = redis.call('HGET', key, '${REJECTED}') or ''
if ARGV[4] == '' then redis.call('PERSIST', key) else redis.call('PEXPIREAT', key, ARGV[4]) end
return rejected`);

/** Drops an entry. What it was rejected for is remembered for a while, in case that it comes back. */
const REMOVE: Script = new Script(`
local key = KEYS[1]
local rejected = redis.call('TYPE', key).ok == 'hash' and redis.call('HGET', key, '${REJECTED}')
redis.call('UNLINK', key)
if rejected then
  redis.call('HSET', key, '${REJECTED}', rejected)
  redis.call('PEXPIRE', key, ARGV[1])
end
return 1`);

/** Remembers that the answer here is none to that request: as many as an entry is worth, then for all. */
const REJECT: Script = new Script(`
local key = KEYS[1]
local kind = redis.call('TYPE', key).ok
if kind ~= 'hash' and kind ~= 'none' then return 0 end
local there = redis.call('HGET', key, '${REJECTED}') or ''
if there == '*' or string.find(there, ARGV[1], 1, true) then return 0 end
there = there .. ARGV[1] .. ' '
local _, count = string.gsub(there, ' ', ' ')
if count >= tonumber(ARGV[2]) then there = '*' end
redis.call('HSET', key, '${REJECTED}', there)
if kind == 'none' then redis.call('PEXPIRE', key, ARGV[3]) end
return 1`);

/** An answer that was rejected for so many requests is not offered to any but its own. */
const MAX_REJECTED = 100;
/** How long pairs are remembered of an entry that is not there. */
const ABSENT_MS = 30 * 24 * 3600 * 1000;
const ALL = "*";
/** So many hashes are read at a time. */
const READ_TOGETHER = 64;

/** What a hash holds, as far as it was asked for. */
export interface StoredHash {
  /** `"other"`: there is something under the key, and it is no hash. */
  readonly frame: Buffer | "other" | undefined;
  readonly vector: unknown;
  /** For whom it was rejected. */
  readonly rejected: Rejected;
}

/** Ids of the requests that an answer was rejected for, or that it is so for all but its own. */
export type Rejected = readonly string[] | "all";

/** Entries in Redis: which commands read, write and remove them, on one server and on a Cluster. Rejects with LLMCacheError. */
export class Payloads implements StoredVectors {
  readonly #connection: Connection;
  readonly #keys: Keys;

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** @param vector name of the field with the vector that is wanted, too. */
  async read(id: string, vector: string | undefined, signal: AbortSignal | undefined): Promise<StoredHash> {
    const [name, ...args] = this.#reading(id, vector);
    try {
      return stored(await this.#connection.run("read", signal, (client) => client.callBuffer(name, ...args)));
    } catch (error) {
      if (isWrongType(error)) return stored("other");
      throw this.#connection.failure("read", error, signal);
    }
  }

  /** In the order of the ids; a Cluster's nodes are each asked for their own. */
  async readMany(
    ids: readonly string[],
    vector: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<readonly StoredHash[]> {
    const hashes: StoredHash[] = [];
    for (const some of inSteps(ids, READ_TOGETHER)) {
      const replies = await this.#connection.batch(
        "read",
        signal,
        some.map((id) => this.#reading(id, vector)),
      );
      for (const reply of replies) {
        if (reply instanceof Error && !isWrongType(reply)) throw this.#connection.failure("read", reply, signal);
        hashes.push(stored(reply instanceof Error ? "other" : reply));
      }
    }
    return hashes;
  }

  /** @returns for whom they were rejected before, which goes on. */
  async write(payloads: readonly Payload[], signal: AbortSignal | undefined): Promise<readonly Rejected[]> {
    const replies = await WRITE.runMany(
      this.#connection,
      "write",
      payloads.map((payload) => this.#writing(payload, "all", "")),
      signal,
    );
    return replies.map(rejectedOf);
  }

  /** @param refused an instant as it stands in the hash that may be replaced. @returns for whom it was rejected before, if it was written. */
  async add(
    payload: Payload,
    refused: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Rejected | undefined> {
    const reply = await WRITE.run(this.#connection, "write", this.#writing(payload, "dead", refused ?? ""), signal);
    return reply instanceof Buffer ? rejectedOf(reply) : undefined;
  }

  /** In the place of a frame that cannot be read, if that is still there. @returns as {@link Payloads.add}. */
  async replaceDamaged(
    payload: Payload,
    frame: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<Rejected | undefined> {
    const call = this.#writing(payload, "damaged", createHash("sha1").update(frame).digest("hex"));
    const reply = await WRITE.run(this.#connection, "write", call, signal);
    return reply instanceof Buffer ? rejectedOf(reply) : undefined;
  }

  async remove(ids: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const calls = ids.map((id): ScriptCall => ({ key: this.#keys.of(id), args: [ABSENT_MS] }));
    await REMOVE.runMany(this.#connection, "delete", calls, signal);
  }

  /** Remembers that `asked` is not to get what is stored under `id`. */
  async reject(id: string, asked: string, signal: AbortSignal | undefined): Promise<void> {
    const call = { key: this.#keys.of(id), args: [asked, MAX_REJECTED, ABSENT_MS] };
    await REJECT.run(this.#connection, "write", call, signal);
  }

  async arePresent(ids: readonly string[]): Promise<readonly boolean[]> {
    const replies = await this.#connection.batch(
      "read",
      undefined,
      ids.map((id): RedisCommand => ["hexists", this.#keys.of(id), FRAME]),
    );
    // A node that cannot tell (CLUSTERDOWN, LOADING, NOPERM) has not said that they are gone.
    const failed = replies.find((reply) => reply instanceof Error && !isWrongType(reply));
    if (failed !== undefined) throw this.#connection.failure("read", failed);
    return replies.map((reply) => Number(reply) === 1);
  }

  async placements({ field, dimensions }: VectorSpace, ids: readonly string[]): Promise<readonly Placement[]> {
    const replies = await this.#connection.batch(
      "read",
      undefined,
      ids.map((id): RedisCommand => ["hmget", this.#keys.of(id), "scope", field, "deleteAt"]),
    );
    const failed = replies.find((reply) => reply instanceof Error && !isWrongType(reply));
    if (failed !== undefined) throw this.#connection.failure("read", failed);
    return replies.flatMap((reply, index) => {
      if (!Array.isArray(reply)) return [];
      const [wall, bytes, ends] = reply as readonly unknown[];
      const vector = vectorOf(bytes, dimensions);
      if (!(wall instanceof Buffer) || vector === undefined) return [];
      const deleteAt = ends instanceof Buffer ? instant(Number(String(ends)) * 1000) : undefined;
      return [{ id: ids[index] as string, wall: wall.toString(), vector, deleteAt }];
    });
  }

  #reading(id: string, vector: string | undefined): RedisCommand {
    return ["hmget", this.#keys.of(id), FRAME, REJECTED, ...(vector === undefined ? [] : [vector])];
  }

  #writing(payload: Payload, over: "all" | "dead" | "damaged", refused: string): ScriptCall {
    const { id, createdAt, deleteAt, compared, fields } = payload;
    return { key: this.#keys.of(id), args: [over, createdAt, refused, deleteAt ?? "", compared, ...fields] };
  }
}

function stored(reply: unknown): StoredHash {
  if (reply === "other") return { frame: "other", vector: undefined, rejected: [] };
  const [frame, rejected, vector] = reply as readonly unknown[];
  return { frame: frame instanceof Buffer ? frame : undefined, vector, rejected: rejectedOf(rejected) };
}

/** Of the field as it stands in the hash. */
function rejectedOf(field: unknown): Rejected {
  if (!(field instanceof Buffer) || field.byteLength === 0) return [];
  const asked = field.toString();
  return asked === ALL ? "all" : asked.trimEnd().split(" ");
}
