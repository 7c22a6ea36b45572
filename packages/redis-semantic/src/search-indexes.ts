import { isReply, keyPrefixOf, type Connection, type Keys, type RedisCommand } from "@llmcache/redis/internal";
import type { Near, Placement, VectorEngine } from "./engine.ts";
import { bytesOf, type VectorSpace } from "./layout.ts";

const UNKNOWN_INDEX = /no such index|unknown index|index.*(?:not found|does not exist)/i;
const EXISTS = /already exists/i;
const DISTANCE = "distance";
/** Index names that are known to be there. */
const MAX_KNOWN = 100;

/**
 * Vectors in indexes of Redis's query engine or valkey-search, over the entries' hashes themselves: one for each embedder, with the wall as a
 * filter. Servers add and drop entries by themselves; an entry may be found a moment after it was written. What is sent is what both
 * kinds of servers understand.
 */
export class SearchIndexes implements VectorEngine {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #prefix: string;
  readonly #known: Set<string> = new Set<string>();

  constructor(connection: Connection, keys: Keys, prefix: string) {
    this.#connection = connection;
    this.#keys = keys;
    this.#prefix = prefix;
  }

  async nearest(
    space: VectorSpace,
    wall: string,
    vector: Float32Array,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly Near[]> {
    const query = `(@scope:{${wall}})=>[KNN ${count} @${space.field} $q AS ${DISTANCE}]`;
    const params = ["PARAMS", 2, "q", bytesOf(vector), "RETURN", 1, DISTANCE, "LIMIT", 0, count, "DIALECT", 2] as const;
    const search: RedisCommand = ["ft.search", this.#nameOf(space), query, ...params];
    return this.#nearOf(await this.#withIndex(space, search, signal));
  }

  /** The entries are in the index as soon as there is one. */
  async place(space: VectorSpace, placements: readonly Placement[], signal: AbortSignal | undefined): Promise<void> {
    if (placements.length > 0) await this.#create(space, signal);
  }

  forget(): void {
    // The index knows what is gone.
  }

  /** With what ioredis puts before keys, but not before this: clients with different ones have different entries. */
  #nameOf({ id }: VectorSpace): string {
    return `${keyPrefixOf(this.#connection.client)}${this.#prefix}:search:${id}`;
  }

  async #withIndex(space: VectorSpace, command: RedisCommand, signal: AbortSignal | undefined): Promise<unknown> {
    await this.#create(space, signal);
    const [name, ...args] = command;
    try {
      return await this.#connection.run("search", signal, (client) => client.callBuffer(name, ...args));
    } catch (error) {
      if (!isReply(error) || !UNKNOWN_INDEX.test(String(error)))
        throw this.#connection.failure("search", error, signal);
    }
    // Somebody dropped it.
    this.#known.delete(this.#nameOf(space));
    await this.#create(space, signal);
    return this.#connection.command("search", signal, ...command);
  }

  async #create(space: VectorSpace, signal: AbortSignal | undefined): Promise<void> {
    const name = this.#nameOf(space);
    if (this.#known.has(name)) return;
    const { field, dimensions } = space;
    const vector = ["VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", dimensions, "DISTANCE_METRIC", "COSINE"] as const;
    const prefix = this.#keys.onServer("");
    const fields = ["SCHEMA", "scope", "TAG", field, ...vector] as const;
    try {
      await this.#connection.run("create an index", signal, (client) =>
        client.callBuffer("ft.create", name, "ON", "HASH", "PREFIX", 1, prefix, ...fields),
      );
    } catch (error) {
      if (!isReply(error) || !EXISTS.test(String(error)))
        throw this.#connection.failure("create an index", error, signal);
    }
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(name);
  }

  /** Total, then key and fields in turn; the fields in any order, or none. Sorted here: not all servers do it. */
  #nearOf(reply: unknown): readonly Near[] {
    if (!Array.isArray(reply)) return [];
    const near: Near[] = [];
    for (let at = 1; at + 1 < reply.length; at += 2) {
      const id = this.#keys.idOf(String(reply[at]));
      const distance = fieldOf(reply[at + 1]);
      // A key may have ended, and a neighbour's may be longer than ours.
      if (id === undefined || distance === undefined) continue;
      near.push({ id, similarity: Math.min(1, Math.max(0, 1 - distance)) });
    }
    return near.sort((a, b) => b.similarity - a.similarity);
  }
}

function fieldOf(fields: unknown): number | undefined {
  if (!Array.isArray(fields)) return undefined;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (String(fields[at]) !== DISTANCE) continue;
    const distance = Number(String(fields[at + 1]));
    return Number.isFinite(distance) ? distance : undefined;
  }
  return undefined;
}
