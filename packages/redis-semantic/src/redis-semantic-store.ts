import {
  decodeEntry,
  headOf,
  isReserved,
  LLMCacheError,
  mayReplace,
  ownEntry,
  StoreListeners,
  type CacheKey,
  type EntriesOptions,
  type Entry,
  type EntryHead,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "@llmcache/core";
import { embedderError, EmbedderState, PendingWrites, VectorSource, WrongVector } from "@llmcache/similarity/stores";
import { Connection, inSteps, Keys, ListCursor, scan } from "@llmcache/redis/internal";
import { Candidates } from "./candidates.ts";
import { Engines } from "./engine.ts";
import { payloadOf, seconds, vectorOf, vectorSpace, wallOf, type Payload, type VectorSpace } from "./layout.ts";
import { checkedSettings, type CheckedSettings, type RedisSemanticStoreOptions } from "./options.ts";
import { Payloads, type Rejected, type StoredHash } from "./payloads.ts";

const NAME = "redis-semantic";
/** So many entries of a listing are in memory at a time. */
const LISTED_TOGETHER = 16;
const UNLINKED_TOGETHER = 256;
type CallOptions = { readonly signal?: AbortSignal | undefined } | undefined;
type Vectors = ReadonlyMap<string, Float32Array>;

/**
 * Keeps entries in Redis, and finds them by id or, within their scope, by what their text means: in vector sets (Redis 8) or by search (FT.*),
 * through a client of ioredis, on a single server or a Cluster. Redis drops entries at their `deleteAt`. Processes may share a prefix;
 * embedders, too: what one made is never compared with what another made. Texts are kept in clear, unless a codec hides them; vectors always.
 *
 * A lookup by id asks no embedder. If the embedder fails, a lookup by similarity rejects with `ERR_LLMCACHE_EMBEDDER`, and an entry that is written is found by its
 * id alone until it is written again; that is told by `degraded` and `recovered`. A vector that cannot be compared (NaN, zeros, another length) is an error before anything is
 * written. Every command has a deadline (`timeoutMs`). Rejects with LLMCacheError: `ERR_LLMCACHE_STORE` where Redis fails,
 * `ERR_LLMCACHE_UNSUPPORTED` where it can search no vectors, `ERR_LLMCACHE_CLOSED`. Disposing it closes the client only if `redisSemanticStore` opened it, and the
 * embedder never.
 */
export class RedisSemanticStore implements Store {
  readonly contract = 1;
  readonly name: typeof NAME = NAME;
  readonly match = "similar";
  readonly expiry = "native";
  readonly #settings: CheckedSettings;
  readonly #listeners: StoreListeners = new StoreListeners(NAME);
  readonly #connection: Connection;
  readonly #entries: Keys;
  readonly #sets: Keys;
  readonly #payloads: Payloads;
  readonly #engines: Engines;
  readonly #vectors: VectorSource;
  readonly #embedder: EmbedderState;
  readonly #pending: PendingWrites = new PendingWrites();
  #space: VectorSpace | undefined;
  #isClosed = false;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be. Sends nothing. */
  constructor(options: RedisSemanticStoreOptions) {
    this.#settings = checkedSettings(options);
    const { client, prefix, timeoutMs, embedder, engine } = this.#settings;
    this.#connection = new Connection(client, timeoutMs, (event) => this.#listeners.tell(event));
    this.#entries = new Keys(`${prefix}:entry`, client);
    this.#sets = new Keys(`${prefix}:vectors`, client);
    this.#payloads = new Payloads(this.#connection, this.#entries);
    const keys = { entries: this.#entries, vectors: this.#sets };
    this.#engines = new Engines(this.#connection, keys, prefix, engine, this.#payloads);
    this.#vectors = new VectorSource(embedder);
    this.#embedder = new EmbedderState(this.#vectors.id, this.#listeners);
  }

  /** The entry under the key's id; if there is none that `accept` takes, one with a similar text from the key's scope. */
  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    this.#begin(options);
    const own = await this.#own(key.id, options?.signal);
    if (own !== undefined && (options?.accept === undefined || (await options.accept(own, key)))) return own;
    const { id, scope, text } = key;
    if (scope === undefined || text === undefined) return undefined;
    return this.#nearest({ id, scope, text }, key, options);
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    await this.setMany([entry], options);
  }

  /** Atomic between processes. */
  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    this.#begin(options);
    const { over, signal } = options ?? {};
    const own = ownEntry(entry, entry.body);
    return this.#vectored([own], options, async (vectors, since) => {
      // Deleted in the meantime: it was added before that.
      if (this.#pending.isOvertaken(own.id, since)) return true;
      const payload = this.#payloadOf(own, vectors);
      if (payload === undefined) return false;
      const refused = over?.id === own.id ? seconds(over.createdAt) : undefined;
      const rejected =
        (await this.#payloads.add(payload, refused, signal)) ?? (await this.#replaced(own, payload, options));
      if (rejected === undefined) return false;
      this.#tellRejected(own.id, rejected);
      this.#pending.changed(own.id);
      await this.#place([payload], signal);
      return true;
    });
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#pending.changed(key.id);
    await this.#payloads.remove([key.id], options?.signal);
  }

  /** Goes through the keys of every master with SCAN: keys of other prefixes cost time and are left alone. */
  async clear(options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#pending.cleared();
    for (const keys of [this.#entries, this.#sets]) {
      for await (const { ids } of scan(this.#connection, keys, undefined, options?.signal))
        for (const some of inSteps(ids, UNLINKED_TOGETHER)) await this.#unlink(keys, some, options?.signal);
    }
  }

  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key, options)));
  }

  /** Rejects if one of them was not stored; others are. */
  async setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    // Among themselves the last one of an id counts.
    const last = new Map(entries.map((entry) => [entry.id, ownEntry(entry, entry.body)] as const));
    const own = [...last.values()];
    await this.#vectored(own, options, async (vectors, since) => {
      const current = own.filter(({ id }) => !this.#pending.isOvertaken(id, since));
      for (const { id } of current) this.#pending.changed(id);
      const written = current.map((entry) => ({ id: entry.id, payload: this.#payloadOf(entry, vectors) }));
      const tooLarge = written.flatMap(({ id, payload }) => (payload === undefined ? [id] : []));
      if (tooLarge.length > 0) await this.#payloads.remove(tooLarge, options?.signal);
      const payloads = written.flatMap(({ payload }) => (payload === undefined ? [] : [payload]));
      if (payloads.length === 0) return;
      const rejected = await this.#payloads.write(payloads, options?.signal);
      for (const [index, { id }] of payloads.entries()) this.#tellRejected(id, rejected[index] as Rejected);
      await this.#place(payloads, options?.signal);
    });
  }

  /** See `Store.rejectPair`. What is deleted and comes back within 30 days is remembered, what Redis evicts is not. */
  async rejectPair(
    asked: Pick<CacheKey, "id">,
    stored: Pick<EntryHead, "id">,
    options?: StoreCallOptions,
  ): Promise<void> {
    this.#begin(options);
    await this.#payloads.reject(stored.id, asked.id, options?.signal);
  }

  /** In the order of SCAN, as `RedisStore` does it: cursors stay good for as long as the servers run and keep their roles. */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    const { after, limit = Number.POSITIVE_INFINITY, bodies = false, signal } = options;
    this.#begin(options);
    if (limit <= 0) return;
    let resumed = after === undefined ? undefined : ListCursor.parse(after);
    let count = 0;
    for await (const { ids, place } of scan(this.#connection, this.#entries, resumed?.place, signal)) {
      let cursor = resumed?.at(place) ?? ListCursor.before(place);
      const left = resumed === undefined ? ids : resumed.leftOf(ids, place);
      resumed = undefined;
      for await (const { entry, size } of this.#listed(left, signal)) {
        cursor = cursor.behind(entry.id);
        yield { head: headOf(entry), size, cursor: String(cursor), ...(bodies ? { body: entry.body } : {}) };
        if (++count >= limit) return;
        this.#begin(options);
      }
    }
  }

  /** Tells `degraded` and `recovered` of Redis and of the embedder, `unreadable` and `too-large`. */
  on(listener: (event: StoreEvent) => void): () => void {
    return this.#listeners.on(listener);
  }

  /**
   * Waits for what is under way (no longer than `timeoutMs`, and as long again where a set is being made anew), and closes what
   * `redisSemanticStore` opened.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#vectors.clear();
    await this.#engines.close(this.#settings.timeoutMs);
    await this.#connection.close();
  }

  #begin(options: CallOptions): void {
    if (this.#isClosed)
      throw new LLMCacheError(
        "ERR_LLMCACHE_CLOSED",
        "The redis-semantic store was closed: use it before it is disposed.",
      );
    options?.signal?.throwIfAborted();
  }

  // --- Reading -------------------------------------------------------------------------------------------------------

  async #own(id: string, signal: AbortSignal | undefined): Promise<StoreHit | undefined> {
    const { embedder } = this.#settings;
    // Whoever copies what is found will want its vector.
    const space = "learn" in embedder ? this.#knownSpace() : undefined;
    const hash = await this.#payloads.read(id, space?.field, signal);
    const entry = this.#decode(id, hash);
    if (entry === undefined) return undefined;
    if (space !== undefined) this.#learn(entry, vectorOf(hash.vector, space.dimensions));
    this.#tellRejected(id, hash.rejected);
    return { entry };
  }

  async #nearest(
    asked: { readonly id: string; readonly scope: string; readonly text: string },
    key: CacheKey,
    options: StoreCallOptions | undefined,
  ): Promise<StoreHit | undefined> {
    const { policy, maxCandidates } = this.#settings;
    const { id, scope, text } = asked;
    const { signal, accept } = options ?? {};
    const vector = await this.#vectorOf(text, options);
    this.#begin(options);
    const space = this.#spaceOf(vector);
    const engine = await this.#engines.get(signal);
    const wall = wallOf(scope);
    const candidates = new Candidates({
      engine,
      space,
      wall,
      vector,
      own: id,
      least: policy.threshold ?? 0,
      most: maxCandidates,
      read: (ids) => this.#payloads.readMany(ids, space.field, signal),
      decode: (one, hash) => {
        const entry = this.#decode(one, hash);
        return entry?.scope === scope ? entry : undefined;
      },
      signal,
    });
    for await (const { entry, similarity, vector: stored, rejected } of candidates.each()) {
      const decision = { asked: text, stored: entry.text as string, similarity, embedder: this.#vectors.id };
      if (!policy.decide(decision).serve) continue;
      const hit = { entry, similarity };
      if (accept !== undefined && !(await accept(hit, key))) continue;
      this.#learn(entry, stored);
      this.#tellRejected(entry.id, rejected);
      return hit;
    }
    return undefined;
  }

  async #vectorOf(text: string, options: StoreCallOptions | undefined): Promise<Float32Array> {
    try {
      return (await this.#vectors.of([text], options?.signal)).get(text) as Float32Array;
    } catch (error) {
      options?.signal?.throwIfAborted();
      throw embedderError(this.#vectors.id, error);
    }
  }

  #learn({ text }: Entry, vector: Float32Array | undefined): void {
    const { embedder } = this.#settings;
    if ("learn" in embedder && text !== undefined && vector !== undefined) embedder.learn(text, vector);
  }

  /** Before anybody can have a copy of what was found. */
  #tellRejected(stored: string, rejected: Rejected): void {
    const { embedder } = this.#settings;
    if ("learn" in embedder && rejected.length > 0) embedder.rejected?.(stored, rejected);
  }

  #decode(id: string, { frame }: StoredHash): Entry | undefined {
    if (frame === undefined) return undefined;
    const { codec } = this.#settings;
    // ioredis gives views of all that came over the wire at once.
    const entry = frame === "other" ? undefined : decodeEntry(frame, { id, codec, borrowed: true });
    if (entry === undefined) this.#tellUnreadable(id);
    return entry;
  }

  #knownSpace(): VectorSpace | undefined {
    const { dimensions } = this.#vectors;
    return dimensions === undefined ? undefined : this.#spaceFor(dimensions);
  }

  #spaceOf(vector: Float32Array): VectorSpace {
    return this.#spaceFor(vector.length);
  }

  #spaceFor(dimensions: number): VectorSpace {
    if (this.#space?.dimensions !== dimensions) this.#space = vectorSpace(this.#vectors.id, dimensions);
    return this.#space;
  }

  // --- Writing -------------------------------------------------------------------------------------------------------

  /** Writes with the vectors of what has a text; those that the embedder fails to give are missing. */
  async #vectored<T>(
    entries: readonly Entry[],
    options: CallOptions,
    write: (vectors: Vectors, since: number) => Promise<T>,
  ): Promise<T> {
    const since = this.#pending.begin();
    try {
      const compared = entries.filter(
        (entry) => entry.scope !== undefined && entry.text !== undefined && !isReserved(entry),
      );
      const vectors = compared.length === 0 ? new Map<string, Float32Array>() : await this.#embed(compared, options);
      // Before anything is written: a server without vectors is an error, not an entry that is never found.
      if (vectors.size > 0) await this.#engines.get(options?.signal);
      this.#begin(options);
      return await write(vectors, since);
    } finally {
      this.#pending.end();
    }
  }

  async #embed(entries: readonly Entry[], options: CallOptions): Promise<Vectors> {
    const signal = options?.signal;
    try {
      const vectors = await this.#vectors.of([...new Set(entries.map(({ text }) => text as string))], signal);
      this.#embedder.worked();
      return new Map(entries.map(({ id, text }) => [id, vectors.get(text as string) as Float32Array] as const));
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof WrongVector) throw error;
      this.#embedder.failed(error);
      return new Map();
    }
  }

  /** `undefined` for what is too large. */
  #payloadOf(entry: Entry, vectors: Vectors): Payload | undefined {
    const { codec, maxEntryBytes } = this.#settings;
    const vector = vectors.get(entry.id);
    const payload = payloadOf(entry, vector, vector && this.#spaceOf(vector), codec);
    if (payload.size <= maxEntryBytes) return payload;
    this.#listeners.tell({
      type: "too-large",
      message: `An entry of ${payload.size} bytes was not stored: ${maxEntryBytes} is the most for one (maxEntryBytes).`,
      id: entry.id,
    });
    return undefined;
  }

  /** After the entries: an element without one would be taken for what is left of it. */
  async #place(payloads: readonly Payload[], signal: AbortSignal | undefined): Promise<void> {
    const placements = payloads.flatMap(({ id, placed, deleteAt }) =>
      placed === undefined ? [] : [{ id, ...placed, deleteAt }],
    );
    const [first] = placements;
    if (first === undefined) return;
    const engine = await this.#engines.get(signal);
    await engine.place(this.#spaceOf(first.vector), placements, signal);
  }

  /** What stands in the way may be damaged, which only its reader can tell. */
  async #replaced(entry: Entry, payload: Payload, options: StoreAddOptions | undefined): Promise<Rejected | undefined> {
    const { over, signal } = options ?? {};
    const hash = await this.#payloads.read(entry.id, undefined, signal);
    const there = this.#decode(entry.id, hash);
    if (there !== undefined)
      return mayReplace(there, entry, over) ? this.#payloads.add(payload, seconds(there.createdAt), signal) : undefined;
    // It went in between: whoever comes first now.
    if (!(hash.frame instanceof Buffer)) return this.#payloads.add(payload, undefined, signal);
    return this.#payloads.replaceDamaged(payload, hash.frame, signal);
  }

  async #unlink(keys: Keys, ids: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const replies = await this.#connection.batch(
      "delete",
      signal,
      ids.map((id) => ["unlink", keys.of(id)] as const),
    );
    const failed = replies.find((reply) => reply instanceof Error);
    if (failed !== undefined) throw this.#connection.failure("delete", failed, signal);
  }

  async *#listed(
    ids: readonly string[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<{ readonly entry: Entry; readonly size: number }> {
    const space = this.#knownSpace();
    for (const some of inSteps(ids, LISTED_TOGETHER)) {
      const hashes = await this.#payloads.readMany(some, undefined, signal);
      for (const [index, hash] of hashes.entries()) {
        const entry = this.#decode(some[index] as string, hash);
        if (entry === undefined || isReserved(entry)) continue;
        const vectorBytes = entry.text === undefined || space === undefined ? 0 : space.dimensions * 4;
        yield { entry, size: (hash.frame as Buffer).byteLength + vectorBytes };
      }
    }
  }

  #tellUnreadable(id: string): void {
    this.#listeners.tell({
      type: "unreadable",
      message:
        "What is stored under this id cannot be read: damaged, of another format, of another codec, or not ours.",
      id,
    });
  }
}
