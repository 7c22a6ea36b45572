import { randomUUID } from "node:crypto";
import {
  decodeEntry,
  decodeHead,
  encodeEntry,
  headOf,
  isReserved,
  LLMCacheError,
  mayReplace,
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
import { Bucket, type Condition, type ListedObject, type StoredObject } from "./bucket.ts";
import { Conditions, type Heeded } from "./conditions.ts";
import { InTurn } from "./in-turn.ts";
import { Lanes } from "./lanes.ts";
import { headersOf } from "./object-headers.ts";
import { isObjectKey, isProbeKey, objectKey } from "./object-key.ts";
import { checkedSettings, type CheckedSettings, type S3StoreOptions } from "./options.ts";

/** As many as a listing and a DeleteObjects take. */
const PAGE_KEYS = 1000;
/** Heads that a listing reads together. */
const CHUNK_HEADS = 64;
const CHUNK_ENTRIES = 16;
/** As much of an object as a listing without bodies reads at first. */
const HEAD_BYTES = 16 * 1024;
/** Somebody else was quicker each time. */
const MOST_TRIES = 16;

/**
 * Keeps entries as objects of an S3 bucket, through `@aws-sdk/client-s3`: AWS, Ceph, MinIO, R2 and others. `add` is a conditional
 * write, atomic between all processes where the server heeds conditions; where it does not, which a probe finds out with the first
 * `add` and the event `not-atomic` tells, it is atomic within this store only. Objects that are past their `deleteAt` are removed by a
 * lifecycle rule of the bucket (`lifecycleRule`); the cache does not serve them either way.
 *
 * Rejects with LLMCacheError `ERR_LLMCACHE_STORE` (denied, throttled, wrong region, no such bucket, not reachable, too late: the
 * message says which and what to do) and `ERR_LLMCACHE_CLOSED`.
 */
export class S3Store implements Store {
  readonly contract = 1;
  readonly name = "s3";
  readonly match = "exact";
  readonly expiry = "native";
  readonly bucket: string;
  readonly prefix: string;
  readonly #settings: CheckedSettings;
  readonly #objects: Bucket;
  readonly #conditions: Conditions;
  readonly #turns: InTurn = new InTurn();
  /** Work on many objects: what is not its turn has no deadline yet. */
  readonly #lanes: Lanes;
  readonly #listeners: StoreListeners = new StoreListeners("s3");

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be. Sends nothing. */
  constructor(options: S3StoreOptions) {
    this.#settings = checkedSettings(options);
    this.bucket = this.#settings.bucket;
    this.prefix = this.#settings.prefix;
    this.#objects = new Bucket(this.#settings);
    this.#conditions = new Conditions(this.#objects, this.prefix, (heeded) => this.#found(heeded));
    this.#lanes = new Lanes(this.#settings.maxRequests);
  }

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    return this.#hit(key.id, await this.#objects.get(objectKey(this.prefix, key.id), options?.signal));
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    const { signal } = options ?? {};
    this.#objects.begin(signal);
    const frame = this.#frame(entry);
    // What is there was to be replaced.
    if (frame === undefined) return this.#objects.delete(objectKey(this.prefix, entry.id), signal);
    await this.#objects.put(objectKey(this.prefix, entry.id), frame, this.#headers(entry), { signal });
  }

  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    const { signal, over } = options ?? {};
    this.#objects.begin(signal);
    const frame = this.#frame(entry);
    if (frame === undefined) return false;
    const put = {
      key: objectKey(this.prefix, entry.id),
      bytes: frame,
      headers: this.#headers(entry),
      writer: randomUUID(),
      signal,
    };
    const heeded = await this.#heeded(signal);
    const add = (): Promise<boolean> => this.#add(entry, put, heeded, over);
    if (heeded.ifNothing && heeded.ifMatch) return add();
    return this.#turns.run(put.key, (turn) => this.#objects.wait("add", turn, signal), add);
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    await this.#objects.delete(objectKey(this.prefix, key.id), options?.signal);
  }

  /** Drops every object whose key is one of this store's. Objects that others put below the prefix stay. */
  async clear(options?: StoreCallOptions): Promise<void> {
    const { signal } = options ?? {};
    this.#objects.begin(signal);
    if (this.prefix === "" && !this.#settings.wholeBucket) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_UNSUPPORTED",
        `clear is refused without a prefix, because others may use the bucket ${JSON.stringify(this.bucket)}: give a prefix, or set wholeBucket.`,
      );
    }
    for await (const page of this.#pages(undefined, PAGE_KEYS, signal)) {
      const keys = page
        .map(({ key }) => key)
        .filter((key) => isObjectKey(this.prefix, key) || isProbeKey(this.prefix, key));
      await this.#objects.deleteAll(keys, signal);
    }
  }

  /** In parallel, never more than `maxRequests` at a time. */
  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    this.#objects.begin(options?.signal);
    const ids = [...new Set(keys.map(({ id }) => id))];
    const objects = await this.#lanes.each(
      ids,
      options?.signal,
      async (id, signal) => [id, await this.#objects.get(objectKey(this.prefix, id), signal)] as const,
    );
    const found = new Map(objects);
    return keys.map(({ id }) => this.#hit(id, found.get(id)));
  }

  /** In parallel, never more than `maxRequests` at a time. */
  async setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    this.#objects.begin(options?.signal);
    // Of two with one id the last one counts.
    const last = [...new Map(entries.map((entry) => [entry.id, entry])).values()];
    await this.#lanes.each(last, options?.signal, (entry, signal) => this.set(entry, { signal }));
  }

  /** In the order of keys; a cursor is the key of an object. Without bodies only the beginning of each object is read. */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    const { after, limit = Number.POSITIVE_INFINITY, bodies = false, signal } = options;
    if (after !== undefined && !isObjectKey(this.prefix, after)) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `after must be a cursor of this S3 store, not ${JSON.stringify(after)}.`,
      );
    }
    this.#objects.begin(signal);
    let given = 0;
    if (given >= limit) return;
    for await (const objects of this.#pages(after, Math.min(PAGE_KEYS, limit), signal)) {
      const page = objects.filter(({ key }) => isObjectKey(this.prefix, key));
      let at = 0;
      while (at < page.length) {
        const chunk = page.slice(at, at + Math.min(bodies ? CHUNK_ENTRIES : CHUNK_HEADS, limit - given));
        at += chunk.length;
        const listed = await this.#lanes.each(chunk, signal, (object, reading) =>
          this.#listed(object, bodies, reading),
        );
        for (const one of listed) {
          if (one === undefined) continue;
          given++;
          yield one;
          if (given >= limit) return;
          this.#objects.begin(signal);
        }
      }
    }
  }

  /** Tells `not-atomic`, `unreadable` and `too-large`. */
  on(listener: (event: StoreEvent) => void): () => void {
    return this.#listeners.on(listener);
  }

  /** Ends what is under way. The client is its maker's. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#objects.close();
  }

  async #heeded(signal: AbortSignal | undefined): Promise<Heeded> {
    const heeded = this.#conditions.heeded();
    await this.#objects.wait("add", heeded, signal);
    return heeded;
  }

  async #add(entry: Entry, put: PutOf, heeded: Heeded, over: StoreAddOptions["over"]): Promise<boolean> {
    const { key, bytes, headers, writer, signal } = put;
    // Where an entry is expected, looking first spares a write.
    let look = over !== undefined || !heeded.ifNothing;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const there = look ? await this.#objects.get(key, signal) : undefined;
      // The SDK repeats a write whose answer it did not get, and is refused because of itself.
      if (there?.writer === writer) return true;
      if (there !== undefined && !this.#gives(there, entry, over)) return false;
      const result = await this.#objects.put(key, bytes, headers, {
        condition: conditionOf(there, heeded),
        writer,
        signal,
      });
      if (result === "stored") return true;
      look = true;
    }
    throw new LLMCacheError(
      "ERR_LLMCACHE_STORE",
      `The S3 store of bucket ${JSON.stringify(this.bucket)} failed to add: others replaced the object ${MOST_TRIES} times meanwhile.`,
    );
  }

  #headers(entry: Entry): ReturnType<typeof headersOf> {
    return headersOf(entry, this.#settings.codec, this.#settings.clock());
  }

  #frame(entry: Entry): Uint8Array | undefined {
    const { codec, maxEntryBytes } = this.#settings;
    const frame = encodeEntry(entry, codec);
    if (frame.byteLength <= maxEntryBytes) return frame;
    this.#listeners.tell({
      type: "too-large",
      message: `An entry of ${frame.byteLength} bytes was not stored: ${maxEntryBytes} is the most for one (maxEntryBytes).`,
      id: entry.id,
    });
    return undefined;
  }

  #hit(id: string, object: StoredObject | undefined): StoreHit | undefined {
    const entry = object && this.#decode(id, object);
    return entry && { entry };
  }

  #decode(id: string, { bytes }: StoredObject): Entry | undefined {
    const entry = bytes && decodeEntry(bytes, { id, codec: this.#settings.codec });
    if (entry === undefined)
      this.#unreadable(
        bytes === undefined ? `it has more than ${this.#settings.maxEntryBytes} bytes (maxEntryBytes)` : WHY_UNREADABLE,
        id,
      );
    return entry;
  }

  /** What nobody can read must not keep its id for ever. */
  #gives(there: StoredObject, entry: Entry, over: StoreAddOptions["over"]): boolean {
    const read = this.#decode(entry.id, there);
    return read === undefined || mayReplace(read, entry, over);
  }

  async *#pages(
    after: string | undefined,
    count: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly ListedObject[]> {
    let next = after;
    do {
      const page = await this.#objects.list(this.prefix, next, count, signal);
      yield page.objects;
      next = page.next;
    } while (next !== undefined);
  }

  async #listed({ key, size }: ListedObject, withBody: boolean, signal: AbortSignal): Promise<ListedEntry | undefined> {
    const { codec } = this.#settings;
    if (!withBody && size > HEAD_BYTES) {
      const bytes = (await this.#objects.get(key, signal, HEAD_BYTES))?.bytes;
      const head = bytes && decodeHead(bytes, { codec });
      if (head !== undefined) return this.#owns(key, head) ? { head, size, cursor: key } : undefined;
    }
    // Small, or with a head of more than HEAD_BYTES, or gone by now.
    const object = await this.#objects.get(key, signal);
    if (object === undefined) return undefined;
    const entry = object.bytes && decodeEntry(object.bytes, { codec });
    if (entry === undefined) {
      this.#unreadable(WHY_UNREADABLE, undefined, key);
      return undefined;
    }
    if (!this.#owns(key, entry)) return undefined;
    return { head: headOf(entry), size, cursor: key, ...(withBody ? { body: entry.body } : {}) };
  }

  /** Neither the cache's own, nor a frame that was copied to the place of another. */
  #owns(key: string, head: EntryHead): boolean {
    if (objectKey(this.prefix, head.id) === key) return !isReserved(head);
    this.#unreadable("it is the entry of another id", undefined, key);
    return false;
  }

  #unreadable(why: string, id: string | undefined, key?: string): void {
    const which = key === undefined ? "under this id" : `as ${JSON.stringify(key)}`;
    this.#listeners.tell({
      type: "unreadable",
      message: `What bucket ${JSON.stringify(this.bucket)} has ${which} is not read: ${why}.`,
      ...(id === undefined ? {} : { id }),
    });
  }

  #found({ ifNothing, ifMatch }: Heeded): void {
    if (ifNothing && ifMatch) return;
    const conditions = [...(ifNothing ? [] : ["If-None-Match"]), ...(ifMatch ? [] : ["If-Match"])].join(" and ");
    this.#listeners.tell({
      type: "not-atomic",
      message: `The server of bucket ${JSON.stringify(this.bucket)} does not heed ${conditions} on writes: add reads before it writes, and two processes that add the same entry at the same moment are both told that they did.`,
    });
  }
}

interface PutOf {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly headers: ReturnType<typeof headersOf>;
  readonly writer: string;
  readonly signal: AbortSignal | undefined;
}

/** Under which condition what is there may be replaced; `undefined` where the server would not heed it. */
function conditionOf(there: StoredObject | undefined, heeded: Heeded): Condition | undefined {
  if (there === undefined) return heeded.ifNothing ? { ifNothing: true } : undefined;
  return heeded.ifMatch && there.etag !== undefined ? { ifMatch: there.etag } : undefined;
}

const WHY_UNREADABLE = "it is damaged, of another format, or of another codec";
