import {
  decodeEntry,
  decodeHead,
  headOf,
  isReserved,
  LLMCacheError,
  mayReplace,
  StoreListeners,
  type CacheKey,
  type EntriesOptions,
  type Entry,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "@llmcache/core";
import { claim } from "./claim.ts";
import { Connection } from "./connection.ts";
import { Frames, inSteps, READ_TOGETHER } from "./frames.ts";
import { Keys } from "./keys.ts";
import { ListCursor } from "./list-cursor.ts";
import { checkedSettings, type CheckedSettings, type RedisStoreOptions } from "./options.ts";
import { scan } from "./scanning.ts";
import { WriteBehind } from "./write-behind.ts";
import { writeOf, type Write } from "./write.ts";

export type { RedisStoreOptions, RedisStoreSettings } from "./options.ts";

/** As much of a frame as a listing without bodies reads at first. */
const HEAD_BYTES = 16 * 1024;
/** So many whole entries are in memory at a time. */
const LISTED_WITH_BODIES = 16;
type CallOptions = { readonly signal?: AbortSignal | undefined } | undefined;

/**
 * Keeps entries in Redis (6.2 or later) or Valkey, single or Cluster, through a client of ioredis, and lets Redis drop them at
 * their `deleteAt`. Processes may share a prefix; `add` is atomic between them where the user may run scripts.
 *
 * Every command has a deadline (`timeoutMs`), whatever the client's own retrying is set to. Rejects with LLMCacheError
 * `ERR_LLMCACHE_STORE`, whose message says what to do, or `ERR_LLMCACHE_CLOSED`. Disposing it closes the client only if
 * `redisStore` opened it.
 */
export class RedisStore implements Store {
  readonly contract = 1;
  readonly name = "redis";
  readonly match = "exact";
  readonly expiry = "native";
  readonly #settings: CheckedSettings;
  readonly #listeners: StoreListeners = new StoreListeners("redis");
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #behind: WriteBehind | undefined;
  readonly #frames: Frames;
  #toldNotAtomic = false;
  #closing: Promise<void> | undefined;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be. Sends nothing. */
  constructor(options: RedisStoreOptions) {
    this.#settings = checkedSettings(options);
    const { client, prefix, timeoutMs, writeBehind } = this.#settings;
    this.#connection = new Connection(client, timeoutMs, (event) => this.#listeners.tell(event));
    this.#keys = new Keys(prefix, client);
    this.#frames = new Frames(this.#connection, this.#keys);
    if (writeBehind !== undefined) this.#behind = new WriteBehind(writeBehind, (writes) => this.#writeLate(writes));
  }

  /** Gets that begin together are read together. */
  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    this.#begin(options);
    const { id } = key;
    const waiting = this.#behind?.get(id);
    return this.#hit(id, waiting === undefined ? await this.#frames.read(id, options?.signal) : waiting.frame);
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    await this.setMany([entry], options);
  }

  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    this.#begin(options);
    if (this.#behind?.get(entry.id) !== undefined) await this.#behind.flush();
    const write = this.#write(entry);
    if (write === undefined) return false;
    if (await this.#frames.add(write, options?.signal)) return true;
    const read = await this.#frames.read(entry.id, options?.signal, true);
    const there = read instanceof Buffer ? this.#decode(entry.id, read) : undefined;
    if (there !== undefined && !mayReplace(there, entry, options?.over)) return false;
    // It went in between: whoever comes first now.
    if (read === undefined) return this.#frames.add(write, options?.signal);
    if (read === "other") this.#tellUnreadable(entry.id);
    return claim(this.#connection, read, write, options?.signal, () => this.#tellNotAtomic());
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#behind?.drop(key.id);
    await this.#frames.remove([key.id], options?.signal);
  }

  /** Goes through the keys of every master with SCAN: keys of other prefixes cost time and are left alone. */
  async clear(options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    if (this.#settings.prefix === "") {
      throw new LLMCacheError(
        "ERR_LLMCACHE_UNSUPPORTED",
        "A Redis store without a prefix is not cleared, because others may live there: give it a prefix.",
      );
    }
    this.#behind?.clear();
    await this.#behind?.flush();
    for await (const { ids } of scan(this.#connection, this.#keys, undefined, options?.signal))
      await this.#frames.remove(ids, options?.signal);
  }

  /** One MGET; on a Cluster one for each slot. */
  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    this.#begin(options);
    const ids = new Set(keys.map((key) => key.id));
    // Taken now: what waits may be sent, and no longer wait, before the others are read.
    const waiting = new Map<string, unknown>();
    for (const id of ids) {
      const write = this.#behind?.get(id);
      if (write === undefined) continue;
      waiting.set(id, write.frame);
      ids.delete(id);
    }
    const frames = await this.#frames.readMany([...ids], options?.signal);
    return keys.map((key) => this.#hit(key.id, waiting.get(key.id) ?? frames.get(key.id)));
  }

  /** Rejects if one of them was not stored; the others are. */
  async setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    const writes = entries.map((entry) => this.#write(entry));
    const tooLarge = entries.filter((_, index) => writes[index] === undefined).map((entry) => entry.id);
    for (const id of tooLarge) this.#behind?.drop(id);
    if (tooLarge.length > 0) await this.#frames.remove(tooLarge, options?.signal);
    const sendable = writes.filter((write) => write !== undefined);
    if (this.#behind === undefined) await this.#frames.write(sendable, options?.signal);
    else for (const write of sendable) this.#behind.put(write);
  }

  /**
   * In the order of SCAN. Cursors stay good for as long as the servers run and keep their roles; after that the list starts anew,
   * repeating what it gave. Entries may be skipped that are moved from one master of a Cluster to another in the meantime.
   */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    const { after, limit = Number.POSITIVE_INFINITY } = options;
    this.#begin(options);
    if (limit <= 0) return;
    await this.#behind?.flush();
    let resumed = after === undefined ? undefined : ListCursor.parse(after);
    let count = 0;
    for await (const { ids, place } of scan(this.#connection, this.#keys, resumed?.place, options.signal)) {
      let cursor = resumed?.at(place) ?? ListCursor.before(place);
      const left = resumed === undefined ? ids : resumed.leftOf(ids, place);
      resumed = undefined;
      for await (const listed of this.#listed(left, options)) {
        cursor = cursor.behind(listed.head.id);
        yield { ...listed, cursor: String(cursor) };
        if (++count >= limit) return;
        this.#begin(options);
      }
    }
  }

  /** Tells `degraded` and `recovered`, `unreadable`, `too-large`, `not-atomic` and `write-failed`. */
  on(listener: (event: StoreEvent) => void): () => void {
    return this.#listeners.on(listener);
  }

  /** Sends what waits, waits for what is under way (no longer than `timeoutMs`), and closes what `redisStore` opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#behind?.flush();
    await this.#connection.close();
  }

  #begin(options: CallOptions): void {
    if (this.#closing !== undefined)
      throw new LLMCacheError("ERR_LLMCACHE_CLOSED", "The Redis store was closed: use it before it is disposed.");
    options?.signal?.throwIfAborted();
  }

  #hit(id: string, frame: unknown): StoreHit | undefined {
    if (frame === "other") this.#tellUnreadable(id);
    if (!(frame instanceof Buffer)) return undefined;
    const entry = this.#decode(id, frame);
    return entry && { entry };
  }

  #decode(id: string, frame: Buffer): Entry | undefined {
    // ioredis gives views of all that came over the wire at once.
    const entry = decodeEntry(frame, { id, codec: this.#settings.codec, borrowed: true });
    if (entry === undefined) this.#tellUnreadable(id);
    return entry;
  }

  /** `undefined` for what is too large. */
  #write(entry: Entry): Write | undefined {
    const { codec, maxEntryBytes } = this.#settings;
    const write = writeOf(entry, this.#keys.of(entry.id), codec);
    const bytes = write.frame.byteLength;
    if (bytes <= maxEntryBytes) return write;
    this.#listeners.tell({
      type: "too-large",
      message: `An entry of ${bytes} bytes was not stored: ${maxEntryBytes} is the most for one (maxEntryBytes).`,
      id: entry.id,
    });
    return undefined;
  }

  async #writeLate(writes: readonly Write[]): Promise<void> {
    try {
      await this.#frames.write(writes, undefined);
    } catch (error) {
      const message = `Up to ${writes.length} entries that waited were not stored: ${error instanceof Error ? error.message : String(error)}`;
      this.#listeners.tell({
        type: "write-failed",
        message,
        error,
        ...(writes.length === 1 ? { id: writes[0]!.id } : {}),
      });
    }
  }

  async *#listed(ids: readonly string[], options: EntriesOptions): AsyncGenerator<Omit<ListedEntry, "cursor">> {
    for (const some of inSteps(ids, options.bodies === true ? LISTED_WITH_BODIES : READ_TOGETHER)) {
      yield* options.bodies === true ? this.#withBodies(some, options) : this.#heads(some, options);
    }
  }

  async *#withBodies(ids: readonly string[], options: EntriesOptions): AsyncGenerator<Omit<ListedEntry, "cursor">> {
    for (const [id, frame] of await this.#frames.readMany(ids, options.signal)) {
      const entry = this.#hit(id, frame)?.entry;
      if (entry === undefined || isReserved(entry)) continue;
      yield { head: headOf(entry), size: (frame as Buffer).byteLength, body: entry.body };
    }
  }

  async *#heads(ids: readonly string[], options: EntriesOptions): AsyncGenerator<Omit<ListedEntry, "cursor">> {
    for (const { id, bytes, size } of await this.#frames.beginnings(ids, HEAD_BYTES, options.signal)) {
      const head = decodeHead(bytes, { id, codec: this.#settings.codec }) ?? (await this.#wholeHead(id, options));
      if (head !== undefined && !isReserved(head)) yield { head, size };
    }
  }

  /** A head that is longer than HEAD_BYTES, or none at all. */
  async #wholeHead(id: string, options: EntriesOptions): Promise<ListedEntry["head"] | undefined> {
    const entry = this.#hit(id, await this.#frames.read(id, options.signal, true))?.entry;
    return entry && headOf(entry);
  }

  #tellUnreadable(id: string): void {
    this.#listeners.tell({
      type: "unreadable",
      message:
        "What is stored under this id cannot be read: damaged, of another format, of another codec, or not ours.",
      id,
    });
  }

  #tellNotAtomic(): void {
    if (this.#toldNotAtomic) return;
    this.#toldNotAtomic = true;
    this.#listeners.tell({
      type: "not-atomic",
      message:
        "This user may not run scripts (EVAL, EVALSHA): an entry that takes the place of a dead or refused one may overwrite another that does the same at the same moment.",
    });
  }
}
