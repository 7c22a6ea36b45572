import { LLMCacheError } from "@llmcache/core";
import { Client, Repository, Schema, type Entity, type SchemaDefinition } from "redis-om";
import { DEFAULT_PREFIX, FRAME, REJECTED, TAG_SEPARATOR, VECTOR } from "./layout.ts";

/** What redis-om wants: a client of node-redis. It is used as it is, and closed by whoever made it. */
export type RedisOmConnection = Parameters<Client["useNoClose"]>[0];

/** An entry as redis-om sees it: what is known of it, in clear. The answer itself is not among it. */
export interface SemanticEntity extends Entity {
  readonly operation?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly namespace?: string;
  /** Names of its tags. */
  readonly tags?: string[];
  readonly sample?: number;
  readonly tokens?: number;
  readonly cost?: number;
  readonly createdAt?: Date;
  readonly staleAt?: Date;
  readonly deleteAt?: Date;
  /** Everything but the prompt, hashed. */
  readonly scope?: string;
  /** The prompt. */
  readonly text?: string;
}

/** Options of {@link semanticSchema} and {@link semanticRepository}. */
export interface SemanticEntityOptions {
  /** The prefix of the store. @default "llmcache-semantic" */
  readonly prefix?: string | undefined;
  /** Name of the index, where the server has search. @default what redis-om makes of the prefix */
  readonly indexName?: string | undefined;
}

/** Without the prompt: servers that search vectors need not be able to search texts. */
const DEFINITION: Omit<SchemaDefinition<SemanticEntity>, "text"> = {
  operation: { type: "string" },
  provider: { type: "string" },
  model: { type: "string" },
  namespace: { type: "string" },
  tags: { type: "string[]", separator: TAG_SEPARATOR },
  sample: { type: "number" },
  tokens: { type: "number" },
  cost: { type: "number" },
  createdAt: { type: "date", sortable: true },
  staleAt: { type: "date" },
  deleteAt: { type: "date" },
  scope: { type: "string" },
};
/** Of no interest to people. */
const INTERNAL: readonly string[] = [FRAME, REJECTED, "compared"];
/** What decides what an entry is, and when it ends: {@link semanticRepository} does not write them. */
const KEPT: readonly string[] = [...INTERNAL, "scope", "text", "createdAt", "staleAt", "deleteAt"];
const FIELDS: readonly string[] = Object.keys(DEFINITION);

/**
 * The schema of entries in a redis-semantic store: entities whose ids are the entries'. Take {@link semanticRepository} with it: a
 * repository of redis-om's own writes whole hashes as text, and what it saves cannot be read as an entry any more, which is a miss.
 */
export function semanticSchema({
  prefix = DEFAULT_PREFIX,
  indexName,
}: SemanticEntityOptions = {}): Schema<SemanticEntity> {
  return new Schema<SemanticEntity>(`${prefix}:entry`, DEFINITION, {
    dataStructure: "HASH",
    ...(indexName === undefined ? {} : { indexName }),
  });
}

/**
 * Entries of a redis-semantic store as entities of redis-om: `fetch`, `save`, `expire`, `expireAt`, `remove`, and, where the server has search,
 * `createIndex` and `search` by operation, provider, model, namespace, tags and dates. `save` writes what describes an entry (and members of your own)
 * beside it; the answer, its text, its scope and its instants stay as they are, and its expiry. To save something that is no entry
 * is an error. What is removed or expires here is a miss for the store.
 */
export function semanticRepository(
  connection: RedisOmConnection,
  options: SemanticEntityOptions = {},
): Repository<SemanticEntity> {
  const client = new EntryClient();
  client.useNoClose(connection);
  return new Repository(semanticSchema(options), client);
}

/** Where an entry is, drops some fields and writes others. ARGV: how many go, their names, then names and values. */
const SAVE = `
if redis.call('HEXISTS', KEYS[1], '${FRAME}') == 0 then return 0 end
local gone = tonumber(ARGV[1])
for at = 2, gone + 1 do redis.call('HDEL', KEYS[1], ARGV[at]) end
if #ARGV > gone + 1 then redis.call('HSET', KEYS[1], unpack(ARGV, gone + 2)) end
return 1`;

type Hash = Awaited<ReturnType<Client["hgetall"]>>;

/** Reads and writes what describes an entry, and leaves the frame and the vectors, which are no text, where they are. */
class EntryClient extends Client {
  override async hgetall(key: string): Promise<Hash> {
    const { redis } = this;
    const names = (await redis?.hKeys(key)) ?? [];
    const known = names.filter((name) => !INTERNAL.includes(name) && !name.startsWith(VECTOR));
    if (known.length === 0) return {};
    const values = (await redis?.hmGet(key, known)) ?? [];
    return Object.fromEntries(
      known.flatMap((name, index) => {
        const value: unknown = values[index];
        return typeof value === "string" ? [[name, value] as const] : [];
      }),
    );
  }

  override async hsetall(key: string, data: Hash): Promise<void> {
    const { redis } = this;
    if (redis === undefined) return;
    const written = Object.entries(data).filter(([name]) => !KEPT.includes(name) && !name.startsWith(VECTOR));
    const names = written.map(([name]) => name);
    const gone = FIELDS.filter((name) => !KEPT.includes(name) && !names.includes(name));
    const args = [String(gone.length), ...gone, ...written.flat()];
    if ((await redis.eval(SAVE, { keys: [key], arguments: args })) === 0) throw noEntry();
  }
}

function noEntry(): LLMCacheError {
  return new LLMCacheError(
    "ERR_LLMCACHE_UNSUPPORTED",
    "Only entries that are there can be saved: answers come into the store through the cache.",
  );
}
